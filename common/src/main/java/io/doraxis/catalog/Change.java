package io.doraxis.catalog;

/** What became of a checkpoint since an earlier run. Stored in the changes table: never renamed. */
public enum Change {
    NEW,
    /** One of its files, or the card of its repository, is another, or is not known to be the same. */
    CHANGED,
    UNCHANGED,
    /** It is not there any more. */
    VANISHED
}
