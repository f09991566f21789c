package io.doraxis.tensorfile;

/** Why a file is not a readable tensor file. Stable codes: they are stored in the audit table, so none is renamed. */
public enum Reason {
    /** An object of no bytes. */
    EMPTY_OBJECT,
    /** Shorter than the eight bytes of the header's length. */
    TOO_SMALL,
    /** A git-lfs pointer in place of the file: fetch the real object. */
    GIT_LFS_POINTER,
    /** A link of Hugging Face's download cache that became a text: copy the cache with what its links lead to. */
    CACHE_LINK,
    /** An HTML page, as a gated or failed download leaves it. */
    HTML_PAGE,
    /** A JSON document, such as a store's or hub's error message. */
    JSON_DOCUMENT,
    /** Other plain text, such as "Entry not found". */
    PLAIN_TEXT,
    /** The header's length is over the format's 100,000,000 bytes. */
    HEADER_TOO_LARGE,
    /** The header reaches beyond the end of the file. */
    HEADER_TRUNCATED,
    /** Bytes that are not UTF-8. */
    INVALID_UTF8,
    /** Text that is not JSON. */
    INVALID_JSON,
    /** JSON nested deeper than the reference reads. */
    NESTING_TOO_DEEP,
    /** JSON of another form than the format's: a text where a number belongs, a list in place of an object. */
    WRONG_TYPE,
    /** A field that occurs twice in one entry. */
    DUPLICATE_FIELD,
    /** dtype, shape or data_offsets is missing. */
    MISSING_FIELD,
    /** A dtype that this version does not know: unsupported, not malformed. */
    UNKNOWN_DTYPE,
    /** Tensors that leave a hole, overlap, or do not start at the first byte. */
    TENSOR_OFFSETS,
    /** More elements or bits than a 64-bit number counts. */
    SHAPE_OVERFLOW,
    /** Sub-byte elements that do not fill their last byte. */
    SUB_BYTE_MISALIGNED,
    /** Offsets that span another number of bytes than shape and dtype need. */
    SIZE_MISMATCH,
    /** The file ends before its tensors do: a truncated download. */
    BODY_TRUNCATED,
    /** Bytes after the last tensor. */
    TRAILING_BYTES,
    /** A container that is recognised but not read by this version. */
    UNSUPPORTED_CONTAINER,
    /** A valid header of a size that nobody writes, such as a name of 100 MB: unsupported, not malformed. */
    OVER_LIMIT,
    /** A zip archive that contradicts itself: entries that overlap or come twice, headers that differ. */
    INVALID_ZIP,
    /** A tar archive of torch's that contradicts itself: members that come twice, links, wrong checksums. */
    INVALID_TAR,
    /** Bytes that are no pickle, or one that ends early. */
    INVALID_PICKLE,
    /** A tensor whose storage the file lacks. */
    MISSING_STORAGE,
    /** A tensor that reaches beyond its storage. */
    TENSOR_BOUNDS,
    /** An index or configuration file that cannot be read as what it is. */
    INVALID_SIDE_FILE,
    /** A shard that its index names and the listing lacks. */
    MISSING_SHARD,
    /** The store answered "not found". */
    STORE_NOT_FOUND,
    /** The store answered "forbidden". */
    STORE_FORBIDDEN,
    /** The store failed. */
    STORE_FAILED,
    /** The object is not the one that was listed, or was replaced while it was read. */
    STORE_CHANGED,
    /** The object's body was shorter than the listing promised. */
    SHORT_BODY,
    /** The store sent other bytes of the object than were asked for. */
    WRONG_RANGE;

    /** Whether the store refused or failed, which is no fault of the file's. */
    public boolean isTheStores() {
        return this == STORE_NOT_FOUND
                || this == STORE_FORBIDDEN
                || this == STORE_FAILED
                || this == SHORT_BODY
                || this == WRONG_RANGE;
    }
}
