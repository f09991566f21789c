package io.doraxis.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.catalog.Checkpoint.Form;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FolderGroupingTest {
    private static final String FOLDER = "s3a://hub/org/x/";
    private static final List<String> NAMES = List.of(
            "adapter_config.json",
            "adapter_model.safetensors",
            "adapter_model.bin",
            "model.safetensors",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model-00001-of-00003.safetensors",
            "pytorch_model.bin.index.json",
            "pytorch_model-00001-of-00001.bin",
            "MODEL.SAFETENSORS.INDEX.JSON",
            "Adapter_Config.json",
            "x.safetensors.index.json",
            "x.safetensors.index.fp16.json",
            "config.json",
            "b.json",
            "b.civitai.info",
            "README.md",
            "a.png",
            "LICENSE",
            "b.gguf",
            "model.fp16-00001-of-00002.safetensors",
            ".safetensors");

    @Test
    void everyWeightsFileIsACheckpointOfItsOwn() {
        FolderGrouping grouping = group("b.safetensors", "a.ckpt", "README.md", "a.png", "c.png");
        assertThat(grouping.checkpoints())
                .containsExactly(
                        Checkpoint.file(object("a.ckpt")).withCard(object("README.md")),
                        Checkpoint.file(object("b.safetensors")).withCard(object("README.md")));
        assertThat(grouping.ignored())
                .containsExactly(Map.entry(ObjectRole.IGNORED_TEXT, 1), Map.entry(ObjectRole.IGNORED_MEDIA, 2));
    }

    @Test
    void whatAModelManagerWroteBesideAFileBelongsToIt() {
        FolderGrouping grouping = group("x.safetensors", "x.json", "x.civitai.info", "y.ckpt", "y.json", "config.json");
        assertThat(grouping.checkpoints())
                .containsExactly(
                        Checkpoint.file(object("x.safetensors"), object("x.civitai.info")),
                        Checkpoint.file(object("y.ckpt"), object("y.json")));
        assertThat(grouping.ignored()).containsExactly(Map.entry(ObjectRole.IGNORED_CONFIG, 2));
        assertThat(Stream.of("x.safetensors", "x.json", "x.civitai.info", "x.cm-info.json", "x.metadata.json")
                        .map(name -> FolderGrouping.keyOf(object(name))))
                .containsOnly(FolderGrouping.keyOf(object("x.pt")));
    }

    private static StoredObject cached(String path, String blob) {
        return new StoredObject("file:/cache/models--a--b/snapshots/" + path, 10, blob, 0);
    }

    @Test
    void aBlobOfTwoSnapshotsCountsOnce() {
        List<StoredObject> objects = List.of(
                cached("c2/x.safetensors", "b1"),
                cached("c1/x.safetensors", "b1"),
                cached("c3/x.safetensors", "b2"),
                cached("c4/x.safetensors", null));
        FolderGrouping grouping = FolderGrouping.of(objects);
        assertThat(grouping.checkpoints())
                .extracting(Checkpoint::uri)
                .containsExactly(
                        objects.get(1).uri(),
                        objects.get(2).uri(),
                        objects.get(3).uri());
        assertThat(grouping.ignored()).containsExactly(Map.entry(ObjectRole.IGNORED_CACHE, 1));
        assertThat(objects.stream().map(FolderGrouping::keyOf)).containsOnly(FolderGrouping.keyOf(objects.get(0)));
    }

    @Test
    void equalFilesOfOneSnapshotAreTwo() {
        List<StoredObject> objects = List.of(
                cached("c1/a-of-b.safetensors", "b1"),
                cached("c1/c-of-d.safetensors", "b1"),
                cached("c2/c-of-d.safetensors", "b1"));
        assertThat(objects.stream().map(FolderGrouping::keyOf).distinct()).hasSize(1);
        FolderGrouping grouping = FolderGrouping.of(objects);
        assertThat(grouping.checkpoints())
                .extracting(Checkpoint::uri)
                .containsExactly(objects.get(0).uri(), objects.get(1).uri());
        assertThat(grouping.ignored()).containsExactly(Map.entry(ObjectRole.IGNORED_CACHE, 1));
    }

    @Property(tries = 1000, seed = "4104")
    void aFilesCompanionsFormItsCheckpointOfTheWholeFolder(@ForAll long seed) {
        Random random = new Random(seed);
        List<StoredObject> folder = NAMES.stream()
                .filter(name -> random.nextBoolean())
                .map(FolderGroupingTest::object)
                .toList();
        for (StoredObject object : folder) {
            FolderGrouping.companions(object)
                    .ifPresent(names -> assertThat(holding(
                                    object,
                                    folder.stream()
                                            .filter(other -> other.equals(object) || names.contains(other.fileName()))
                                            .toList()))
                            .isEqualTo(holding(object, folder)));
        }
    }

    private static List<Checkpoint> holding(StoredObject object, List<StoredObject> folder) {
        return FolderGrouping.of(folder).checkpoints().stream()
                .filter(checkpoint -> checkpoint.weights().contains(object)
                        || checkpoint.side().filter(object::equals).isPresent())
                .toList();
    }

    @Test
    void aCachedPeftDirectoryWithAnotherConfigurationIsAnotherCheckpoint() {
        FolderGrouping grouping = FolderGrouping.of(List.of(
                cached("c1/adapter_model.safetensors", "w"),
                cached("c1/adapter_config.json", "one"),
                cached("c2/adapter_model.safetensors", "w"),
                cached("c2/adapter_config.json", "other"),
                cached("c3/adapter_model.safetensors", "w"),
                cached("c3/adapter_config.json", "one")));
        assertThat(grouping.checkpoints())
                .extracting(Checkpoint::uri)
                .containsExactly("file:/cache/models--a--b/snapshots/c1", "file:/cache/models--a--b/snapshots/c2");
        assertThat(grouping.ignored()).containsExactly(Map.entry(ObjectRole.IGNORED_CACHE, 2));
    }

    @Test
    void aPeftDirectoryIsOneCheckpointNamedByItsFolder() {
        FolderGrouping grouping = group("adapter_model.safetensors", "adapter_config.json", "README.md");
        assertThat(grouping.checkpoints())
                .containsExactly(new Checkpoint(
                        Form.PEFT_DIRECTORY,
                        "s3a://hub/org/x",
                        List.of(object("adapter_model.safetensors")),
                        object("adapter_config.json"),
                        object("README.md")));
        assertThat(grouping.checkpoints().get(0).objects()).isEqualTo(2);
        assertThat(grouping.checkpoints().get(0).totalBytes()).isEqualTo(20);
    }

    @Test
    void pickledWeightsBesideSafetensorsAreATwinWithARowOfItsOwn() {
        FolderGrouping grouping = group("adapter_model.bin", "adapter_model.safetensors", "adapter_config.json");
        assertThat(grouping.checkpoints())
                .extracting(
                        Checkpoint::form,
                        checkpoint -> checkpoint.weights().get(0).fileName())
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(Form.PEFT_DIRECTORY, "adapter_model.safetensors"),
                        org.assertj.core.groups.Tuple.tuple(Form.FILE, "adapter_model.bin"));
    }

    @Test
    void pickledWeightsAloneAreThePeftDirectorys() {
        FolderGrouping grouping = group("adapter_model.bin", "adapter_config.json");
        assertThat(grouping.checkpoints()).singleElement().satisfies(checkpoint -> {
            assertThat(checkpoint.form()).isEqualTo(Form.PEFT_DIRECTORY);
            assertThat(checkpoint.weights()).containsExactly(object("adapter_model.bin"));
        });
    }

    @Test
    void aConfigurationWithoutWeightsIsIgnored() {
        FolderGrouping grouping = group("adapter_config.json", "other.safetensors");
        assertThat(grouping.checkpoints()).containsExactly(Checkpoint.file(object("other.safetensors")));
        assertThat(grouping.ignored()).containsExactly(Map.entry(ObjectRole.IGNORED_CONFIG, 1));
    }

    @Test
    void weightsOfPeftsNameWithoutAConfigurationAreAFile() {
        assertThat(group("adapter_model.safetensors").checkpoints())
                .containsExactly(Checkpoint.file(object("adapter_model.safetensors")));
    }

    @Test
    void anIndexTakesTheShardsOfItsNameAndTheStaleOnesToo() {
        FolderGrouping grouping = group(
                "model-00002-of-00002.safetensors",
                "model-00001-of-00003.safetensors",
                "model-00001-of-00002.safetensors",
                "model-00001-of-00002.bin",
                "model.safetensors",
                "model2-00001-of-00002.safetensors",
                "model.safetensors.index.json");
        assertThat(grouping.checkpoints().get(0))
                .isEqualTo(new Checkpoint(
                        Form.SHARDED,
                        FOLDER + "model.safetensors.index.json",
                        List.of(
                                object("model-00001-of-00002.safetensors"),
                                object("model-00001-of-00003.safetensors"),
                                object("model-00002-of-00002.safetensors")),
                        object("model.safetensors.index.json")));
        assertThat(grouping.checkpoints().subList(1, grouping.checkpoints().size()))
                .extracting(checkpoint -> checkpoint.weights().get(0).fileName())
                .containsExactly("model-00001-of-00002.bin", "model.safetensors", "model2-00001-of-00002.safetensors");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "diffusion_pytorch_model.safetensors.index.fp16.json",
                "diffusion_pytorch_model.safetensors.fp16.index.json",
                "diffusion_pytorch_model.fp16.safetensors.index.json"
            })
    void theVariantMayStandAnywhereInAnIndexsName(String index) {
        assertThat(group(index, "diffusion_pytorch_model.fp16-00001-of-00001.safetensors")
                        .checkpoints())
                .singleElement()
                .satisfies(checkpoint -> {
                    assertThat(checkpoint.form()).isEqualTo(Form.SHARDED);
                    assertThat(checkpoint.weights())
                            .containsExactly(object("diffusion_pytorch_model.fp16-00001-of-00001.safetensors"));
                });
    }

    @Test
    void theShardsOfAVariantBelongToItsIndex() {
        FolderGrouping grouping = group(
                "x.safetensors.index.json",
                "x.safetensors.index.fp16.json",
                "x-00001-of-00001.safetensors",
                "x.fp16-00001-of-00002.safetensors",
                "x-00002-of-00002.fp16.safetensors",
                "x.bf16-00001-of-00001.safetensors");
        assertThat(grouping.checkpoints())
                .extracting(checkpoint -> checkpoint.weights().stream()
                        .map(StoredObject::fileName)
                        .toList())
                .containsExactlyInAnyOrder(
                        List.of("x-00001-of-00001.safetensors"),
                        List.of("x-00002-of-00002.fp16.safetensors", "x.fp16-00001-of-00002.safetensors"),
                        List.of("x.bf16-00001-of-00001.safetensors"));
    }

    @Test
    void shardsWithoutAnIndexAreFiles() {
        assertThat(group("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
                        .checkpoints())
                .extracting(Checkpoint::form)
                .containsExactly(Form.FILE, Form.FILE);
    }

    @Test
    void anIndexWithoutShardsIsACheckpointWithoutWeights() {
        assertThat(group("model.safetensors.index.json").checkpoints())
                .containsExactly(new Checkpoint(
                        Form.SHARDED,
                        FOLDER + "model.safetensors.index.json",
                        List.of(),
                        object("model.safetensors.index.json")));
    }

    @Test
    void aNameWithSignsOfAnExpressionIsTakenLiterally() {
        FolderGrouping grouping = group(
                "a.b(1)-00001-of-00001.safetensors",
                "axb(1)-00001-of-00001.safetensors",
                "a.b(1).safetensors.index.json");
        assertThat(grouping.checkpoints().get(0).weights())
                .containsExactly(object("a.b(1)-00001-of-00001.safetensors"));
    }

    @Property(tries = 3000, seed = "4101")
    void everyObjectIsInExactlyOneCheckpointOrIgnored(@ForAll long seed) {
        Random random = new Random(seed);
        List<StoredObject> folder = new ArrayList<>();
        for (String name : NAMES) {
            if (random.nextBoolean()) {
                folder.add(random.nextInt(folder.size() + 1), object(name));
            }
        }
        FolderGrouping grouping = FolderGrouping.of(folder);
        List<StoredObject> taken = grouping.checkpoints().stream()
                .flatMap(checkpoint -> Stream.concat(checkpoint.weights().stream(), checkpoint.side().stream()))
                .toList();
        int ignored =
                grouping.ignored().values().stream().mapToInt(Integer::intValue).sum();
        assertThat(taken).doesNotHaveDuplicates();
        assertThat(folder).containsAll(taken).hasSize(taken.size() + ignored);
        Set<String> uris = grouping.checkpoints().stream().map(Checkpoint::uri).collect(Collectors.toSet());
        assertThat(uris).hasSameSizeAs(grouping.checkpoints());
    }

    @Property(tries = 500, seed = "4102")
    void theOrderOfTheListingChangesNoCheckpoint(@ForAll long seed) {
        List<StoredObject> folder =
                NAMES.stream().map(FolderGroupingTest::object).collect(Collectors.toList());
        Set<Checkpoint> expected = Set.copyOf(FolderGrouping.of(folder).checkpoints());
        Collections.shuffle(folder, new Random(seed));
        assertThat(Set.copyOf(FolderGrouping.of(folder).checkpoints())).isEqualTo(expected);
    }

    @Property(tries = 1000, seed = "4103")
    void theObjectsOfAKeyFormTheCheckpointsOfTheWholeFolder(@ForAll long seed) {
        Random random = new Random(seed);
        List<StoredObject> folder = NAMES.stream()
                .filter(name -> random.nextBoolean())
                .map(FolderGroupingTest::object)
                .toList();
        Map<String, List<StoredObject>> cards = placed(folder);
        Set<Checkpoint> byKey =
                folder.stream().collect(Collectors.groupingBy(FolderGrouping::keyOf)).entrySet().stream()
                        .flatMap(entry ->
                                FolderGrouping.of(entry.getValue(), cards.getOrDefault(entry.getKey(), List.of()))
                                        .checkpoints()
                                        .stream())
                        .collect(Collectors.toSet());
        assertThat(byKey).isEqualTo(Set.copyOf(FolderGrouping.of(folder).checkpoints()));
    }

    @Test
    void aFlatFolderOfManyFilesHasManyKeys() {
        long keys = IntStream.range(0, 100_000)
                .mapToObj(i -> FolderGrouping.keyOf(object("lora-" + i + ".safetensors")))
                .distinct()
                .count();
        assertThat(keys).isEqualTo(256);
    }

    /** The cards by the keys that they are placed with. */
    private static Map<String, List<StoredObject>> placed(List<StoredObject> listing) {
        FolderCards cards = new FolderCards();
        List<FolderCards.Placed> placed = new ArrayList<>();
        listing.forEach(object -> placed.addAll(cards.next(object, FolderGrouping.keyOf(object))));
        placed.addAll(cards.end());
        return placed.stream()
                .collect(Collectors.groupingBy(
                        FolderCards.Placed::key, Collectors.mapping(FolderCards.Placed::card, Collectors.toList())));
    }

    private static FolderGrouping group(String... names) {
        return FolderGrouping.of(
                Stream.of(names).map(FolderGroupingTest::object).toList());
    }

    private static StoredObject object(String name) {
        return new StoredObject(FOLDER + name, 10, "e", 0);
    }
}
