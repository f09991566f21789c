package io.doraxis.nd4j;

/** What a kernel should compute on is not there; the message says what would help. */
public final class DeviceUnavailableException extends Exception {
    private static final long serialVersionUID = 1;

    public DeviceUnavailableException(String message) {
        super(message, null, false, false);
    }
}
