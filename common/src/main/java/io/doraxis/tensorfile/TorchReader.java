package io.doraxis.tensorfile;

import static io.doraxis.tensorfile.Reason.INVALID_PICKLE;
import static io.doraxis.tensorfile.Reason.UNSUPPORTED_CONTAINER;

import io.doraxis.tensorfile.PickleInput.EndOfInput;
import io.doraxis.tensorfile.TorchTensor.TorchStorage;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Reads what {@code torch.save} wrote, as far as names, shapes, dtypes and places of the tensors go. No pickle is
 * executed: {@link PickleMachine} reads it as data.
 */
public final class TorchReader {
    private TorchReader() {}

    /**
     * Reads a file whose first bytes are a zip archive's, a pickle's or those of torch's tar archives.
     *
     * @param head first bytes of the object; all of a shorter object
     * @param headLength how many of them there are
     * @param scan is told of the names that its pickles would import, also where reading ends with an exception
     * @throws MalformedTensorFileException if it cannot be read, or is something else than torch's
     * @throws IOException if the store fails
     */
    public static TensorIndex read(Container container, RangeReader file, byte[] head, int headLength, PickleScan scan)
            throws MalformedTensorFileException, IOException {
        FileBytes bytes = new FileBytes(file, head, headLength);
        try {
            return switch (container) {
                case ZIP, TORCH_ZIP -> TorchZip.read(bytes, scan);
                case TORCH_LEGACY -> TorchLegacy.read(bytes, scan);
                case TORCH_TAR -> TorchTar.read(bytes, scan);
                case PICKLE -> throw barePickle(bytes, scan);
                default -> throw new IllegalArgumentException("not torch's: " + container);
            };
        } finally {
            scan.close();
        }
    }

    /** What a pickle would import is worth telling even of one that holds no tensors as torch stores them. */
    private static MalformedTensorFileException barePickle(FileBytes file, PickleScan scan) {
        scan(new PickleInput(file.head(), 0, file.headLength(), 0), scan);
        return new MalformedTensorFileException(
                UNSUPPORTED_CONTAINER, 0, "a pickle without torch's container", "safetensors, or a file of torch.save");
    }

    /** Reads pickles one after the other, to note what they would import. */
    static void scan(PickleInput in, PickleScan scan) {
        scan.begin();
        try {
            while (!in.atEnd()) {
                new PickleMachine(in, scan).read();
            }
            scan.end();
        } catch (EndOfInput | MalformedTensorFileException e) {
            scan.close(); // it goes on behind the bytes in hand, or is no pickle any more
        }
    }

    /** Where the storages of a file lie. */
    @FunctionalInterface
    interface Places {
        /**
         * First byte of a storage; {@link TensorInfo#NOWHERE} where it cannot be told.
         *
         * @throws MalformedTensorFileException if there is no such storage, or one of another size
         */
        long begin(TorchStorage storage) throws MalformedTensorFileException;
    }

    static TensorIndex index(TorchPickle pickle, Places places, List<Finding> more)
            throws MalformedTensorFileException {
        List<TensorInfo> tensors = new ArrayList<>(pickle.tensors().size());
        for (Map.Entry<String, TorchTensor> entry : pickle.tensors().entrySet()) {
            tensors.add(info(entry.getKey(), entry.getValue(), places));
        }
        List<Finding> findings = new ArrayList<>(pickle.findings());
        findings.addAll(more);
        if (tensors.isEmpty()) {
            findings.add(new Finding(Finding.Code.NO_TENSORS, "the pickle describes no tensor"));
        }
        return new TensorIndex(tensors, Map.of(), 0, findings);
    }

    private static TensorInfo info(String name, TorchTensor tensor, Places places) throws MalformedTensorFileException {
        long begin = places.begin(tensor.storage());
        boolean rowMajor = tensor.isRowMajor();
        Shape strides = rowMajor ? null : tensor.strides();
        if (begin == TensorInfo.NOWHERE) {
            return new TensorInfo(name, tensor.dtype(), tensor.shape(), begin, begin, strides);
        }
        int width = tensor.dtype().bits() / 8;
        boolean empty = tensor.shape().elements() == 0; // its offset may be any number
        long first = empty ? begin : begin + tensor.offset() * width;
        long end = empty ? begin : begin + tensor.reach() * width;
        return new TensorInfo(name, tensor.dtype(), tensor.shape(), first, end, strides);
    }

    /** Of a file whose elements are not little-endian: nothing of them is decoded. */
    static Finding otherByteOrder(String order) {
        return new Finding(
                Finding.Code.BYTE_ORDER, "values are not read: the file says that its byte order is '" + order + "'");
    }

    static MalformedTensorFileException truncatedPickle(long at) {
        return new MalformedTensorFileException(INVALID_PICKLE, at, "the end of the pickle", "its STOP");
    }
}
