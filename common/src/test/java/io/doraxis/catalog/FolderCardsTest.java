package io.doraxis.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.catalog.FolderCards.Placed;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class FolderCardsTest {
    private static StoredObject object(String path) {
        return new StoredObject("s3a://hub/" + path, 10, "e", 0);
    }

    private static String key(String path) {
        return FolderGrouping.keyOf(object(path));
    }

    private static Placed placed(String of, String card) {
        return new Placed(key(of), object(card));
    }

    private static List<Placed> placed(Stream<String> listing) {
        FolderCards cards = new FolderCards();
        List<Placed> placed = new ArrayList<>();
        listing.forEach(path -> placed.addAll(cards.next(object(path), key(path))));
        placed.addAll(cards.end());
        return placed;
    }

    @Test
    void aCardGoesToEachKeyOfItsFolderWhereverItIsListed() {
        List<Placed> expected = List.of(placed("a/x.safetensors", "a/README.md"), placed("a/z.pt", "a/README.md"));
        for (List<String> order : List.of(
                List.of("a/README.md", "a/x.safetensors", "a/z.pt"),
                List.of("a/x.safetensors", "a/README.md", "a/z.pt"),
                List.of("a/x.safetensors", "a/z.pt", "a/README.md", "a/config.json"))) {
            assertThat(placed(order.stream())).containsExactlyInAnyOrderElementsOf(expected);
        }
    }

    @Test
    void foldersBetweenTheObjectsOfAFolderChangeNothing() {
        assertThat(placed(Stream.of(
                        "a/README.md",
                        "a/sub/README.md",
                        "a/sub/deep/y.pt",
                        "a/sub/y.pt",
                        "a/z.pt",
                        "ab/y.pt",
                        "b/README.md",
                        "b/unet/y.pt")))
                .containsExactlyInAnyOrder(placed("a/z.pt", "a/README.md"), placed("a/sub/y.pt", "a/sub/README.md"));
    }

    @Test
    void aPeftDirectoryAndShardsHaveOneKey() {
        assertThat(placed(Stream.of(
                        "a/README.md",
                        "a/adapter_config.json",
                        "a/adapter_model.safetensors",
                        "b/README.md",
                        "b/model-00001-of-00002.safetensors",
                        "b/model-00002-of-00002.safetensors",
                        "b/model.safetensors.index.json")))
                .containsExactly(
                        placed("a/adapter_config.json", "a/README.md"),
                        placed("b/model.safetensors.index.json", "b/README.md"));
    }

    @Test
    void aFolderOfVeryManyFilesIsNoRepository() {
        Stream<String> files =
                IntStream.range(0, FolderCards.MOST_FILES + 1).mapToObj(i -> "a/lora-" + i + ".safetensors");
        assertThat(placed(Stream.concat(Stream.of("a/README.md"), files))).isEmpty();
        Stream<String> shards = IntStream.range(1, 200).mapToObj("a/model-%05d-of-00199.safetensors"::formatted);
        assertThat(placed(Stream.concat(Stream.of("a/README.md"), shards))).hasSize(1);
    }

    @Test
    void otherTextsAndEmptyOnesAreNoCards() {
        assertThat(placed(Stream.of("a/readme.md", "a/README.txt", "a/.git/README.md", "a/x.pt", "README.md/x.pt")))
                .isEmpty();
        FolderCards cards = new FolderCards();
        cards.next(new StoredObject("s3a://hub/a/README.md", 0, "e", 0), "k");
        cards.next(object("a/x.pt"), key("a/x.pt"));
        assertThat(cards.end()).isEmpty();
    }
}
