package io.doraxis.merge;

/** A device has no memory for a product; for a part of it, it may have. */
public final class DeviceMemoryException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public DeviceMemoryException(String message, Throwable cause) {
        super(message, cause);
    }
}
