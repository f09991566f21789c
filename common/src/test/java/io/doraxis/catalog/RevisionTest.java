package io.doraxis.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RevisionTest {
    private static final StoredObject WEIGHTS = new StoredObject("d/adapter_model.safetensors", 10, "w", 5);
    private static final StoredObject CONFIG = new StoredObject("d/adapter_config.json", 2, "c", 5);
    private static final StoredObject CARD = new StoredObject("d/README.md", 3, "r", 5);
    private static final Checkpoint NOW =
            new Checkpoint(Checkpoint.Form.PEFT_DIRECTORY, "d", List.of(WEIGHTS), CONFIG, CARD);

    private static EarlierCheckpoint earlier(StoredObject card, StoredObject... files) {
        return new EarlierCheckpoint("d", List.of(files), card, true);
    }

    private static Revision revision(EarlierCheckpoint earlier) {
        return Revision.of(List.of(NOW), List.of(earlier), true).get(0);
    }

    @Test
    void theSameFilesInAnyOrderAreUnchangedAndNotRead() {
        Revision revision = revision(earlier(CARD, WEIGHTS, CONFIG));
        assertThat(revision).isEqualTo(new Revision("d", Change.UNCHANGED, null));
        assertThat(revision.isCarriedOver()).isTrue();
    }

    @Test
    void aRowThatDidNotSettleIsReadAgain() {
        EarlierCheckpoint failed = new EarlierCheckpoint("d", List.of(WEIGHTS, CONFIG), CARD, false);
        assertThat(revision(failed)).isEqualTo(new Revision("d", Change.UNCHANGED, NOW));
        assertThat(revision(failed).isCarriedOver()).isFalse();
    }

    @Test
    void nothingIsCarriedOverWhereRowsMayNot() {
        assertThat(Revision.of(List.of(NOW), List.of(earlier(CARD, WEIGHTS, CONFIG)), false))
                .containsExactly(new Revision("d", Change.UNCHANGED, NOW));
    }

    @Test
    void aFileMoreOrLessOrAnotherCardIsAChange() {
        StoredObject other = new StoredObject("d/README.md", 3, "s", 5);
        assertThat(List.of(
                        revision(earlier(CARD, WEIGHTS)),
                        revision(earlier(CARD, WEIGHTS, CONFIG, CARD)),
                        revision(earlier(null, WEIGHTS, CONFIG)),
                        revision(earlier(other, WEIGHTS, CONFIG))))
                .allMatch(revision -> revision.equals(new Revision("d", Change.CHANGED, NOW)));
    }

    @ParameterizedTest
    @CsvSource({
        "10, w, 5, UNCHANGED",
        "10, w, 6, UNCHANGED",
        "10, x, 5, CHANGED",
        "11, w, 5, CHANGED",
        "10,  , 5, UNCHANGED",
        "10,  , 6, CHANGED",
        "10,  , 0, CHANGED",
    })
    void theEtagGoesBeforeTheTime(long size, String etag, long modified, Change change) {
        StoredObject weights = new StoredObject(WEIGHTS.uri(), size, etag, modified);
        assertThat(revision(earlier(CARD, weights, CONFIG)).change()).isEqualTo(change);
    }

    @Test
    void sizesAloneProveNothing() {
        StoredObject untold = new StoredObject("a.pt", 10, null, StoredObject.UNKNOWN_TIME);
        List<Revision> revisions = Revision.of(
                List.of(Checkpoint.file(untold)),
                List.of(new EarlierCheckpoint("a.pt", List.of(untold), null, true)),
                true);
        assertThat(revisions).extracting(Revision::change).containsExactly(Change.CHANGED);
    }

    @Test
    void whatIsNewIsReadAndWhatVanishedIsNamed() {
        EarlierCheckpoint gone = new EarlierCheckpoint("e.pt", List.of(), null, true);
        assertThat(Revision.of(List.of(NOW), List.of(gone), true))
                .containsExactly(new Revision("d", Change.NEW, NOW), new Revision("e.pt", Change.VANISHED, null));
    }
}
