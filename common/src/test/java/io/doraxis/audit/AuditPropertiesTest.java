package io.doraxis.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.doraxis.catalog.Checkpoint;
import io.doraxis.consumer.ConsumerRules;
import io.doraxis.tensorfile.Dtype;
import io.doraxis.tensorfile.SafetensorsWriter;
import io.doraxis.tensorfile.SafetensorsWriter.Tensor;
import io.doraxis.tensorfile.Shape;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** A file of any names, shapes, values and metadata becomes rows, and never an exception. */
class AuditPropertiesTest {
    private static final String[] SUFFIXES = {
        "lora_down.weight",
        "lora_up.weight",
        "lora_mid.weight",
        "alpha",
        "dora_scale",
        "hada_w1_a",
        "hada_w1_b",
        "hada_w2_a",
        "hada_w2_b",
        "hada_t1",
        "hada_t2",
        "lokr_w1",
        "lokr_w1_a",
        "lokr_w1_b",
        "lokr_w2",
        "lokr_w2_a",
        "lokr_w2_b",
        "lokr_t2",
        "diff",
        "diff_b",
        "w_norm",
        "b_norm",
        "a1.weight",
        "a2.weight",
        "b1.weight",
        "b2.weight",
        "weight",
        "bias",
        "on_input",
        "ia3_l",
        "oft_blocks",
        "oft_R.weight",
        "boft_R",
        "lora_A.weight",
        "lora_B.weight",
        "lora_B.bias",
        "lora_magnitude_vector",
        "lora_embedding_A",
        "lora_embedding_B",
        "magnitude",
        "q_layer.weight",
        "p_layer.weight",
        "weight_m_wdecomp.weight",
        "x"
    };
    private static final String[] MODULES = {
        "lora_unet_a", "base_model.model.a", "diffusion_model.a.b", "unet.a", "", "ä"
    };
    private static final String[] VALUES = {
        "True",
        "false",
        "None",
        "",
        "1",
        "-1",
        "1e300",
        "NaN",
        "{",
        "{}",
        "[]",
        "{\"wd_on_output\":true,\"algo\":null}",
        "{\"conv_dim\":\"x\",\"conv_alpha\":[]}"
    };
    private static final String[] KEYS = {
        "ss_network_args",
        "ot_config",
        "ot_revision",
        "software",
        "ss_network_dim",
        "ss_network_alpha",
        "ss_training_finished_at",
        "format"
    };
    private static final String[] CONFIGS = {
        "{}",
        "{\"r\":0}",
        "{\"r\":-1,\"lora_alpha\":1e308}",
        "[",
        "{\"peft_type\":\"LORA\",\"use_dora\":true,\"r\":4}",
        "{\"peft_type\":\"LOKR\",\"rank_pattern\":{\"(\":1,\".*\":1e300}}",
        "{\"target_modules\":\"(a+)+b\"}"
    };

    private final CheckpointAuditor auditor = new CheckpointAuditor(ConsumerRules.bundled());
    private final List<Column<CheckpointAudit>> columns =
            CheckpointColumns.of(new CheckpointColumns.Stamp("1", "1", Instant.EPOCH));

    @Property(tries = 3000, seed = "5101")
    void anyFileBecomesRows(@ForAll long seed) throws Exception {
        Random random = new Random(seed);
        byte[] bytes = file(random);
        CheckpointAudit audit = random.nextInt(3) == 0 ? peft(bytes, random) : single(bytes);
        assertThat(audit.reading().status()).isIn(Status.OK, Status.PARTIAL); // in part, where the configuration is odd
        for (Column<CheckpointAudit> column : columns) {
            column.value().apply(audit);
        }
        List<ModuleColumns.ModuleAudit> modules = ModuleColumns.modules(audit);
        for (ModuleColumns.ModuleAudit module : modules) {
            ModuleColumns.COLUMNS.forEach(column -> column.value().apply(module));
        }
        if (audit.adapter() != null) {
            assertThat(modules).hasSameSizeAs(audit.adapter().index().modules());
            assertThat(audit.adapter().consumers())
                    .hasSameSizeAs(ConsumerRules.bundled().consumers());
        }
    }

    private CheckpointAudit single(byte[] bytes) {
        FetchedFile file = AuditFiles.fetched("a.safetensors", bytes);
        return auditor.audit(
                Checkpoint.file(file.object()), List.of(file), null, CheckpointAuditor.ValueSource.IN_HAND);
    }

    private CheckpointAudit peft(byte[] bytes, Random random) {
        FetchedFile file = AuditFiles.fetched("adapter_model.safetensors", bytes);
        FetchedFile config = AuditFiles.fetched("adapter_config.json", one(CONFIGS, random));
        return auditor.audit(
                new Checkpoint(Checkpoint.Form.PEFT_DIRECTORY, "s3a://hub/x", List.of(file.object()), config.object()),
                List.of(file),
                config,
                CheckpointAuditor.ValueSource.IN_HAND);
    }

    private static byte[] file(Random random) throws Exception {
        Map<String, Tensor> tensors = new HashMap<>();
        String[] modules = {one(MODULES, random), one(MODULES, random)};
        int first = random.nextInt(SUFFIXES.length);
        for (int i = random.nextInt(14); i > 0; i--) {
            String suffix = random.nextBoolean()
                    ? SUFFIXES[(first + random.nextInt(6)) % SUFFIXES.length]
                    : one(SUFFIXES, random);
            String name = one(modules, random) + "." + suffix;
            Shape shape = shape(random);
            Dtype dtype = new Dtype[] {Dtype.F32, Dtype.F16, Dtype.BF16, Dtype.I64, Dtype.F8_E4M3}[random.nextInt(5)];
            byte[] data = new byte[(int) Math.max(0, shape.elements()) * dtype.bits() / 8];
            random.nextBytes(data);
            tensors.put(name, new Tensor(name, dtype, shape, data));
        }
        Map<String, String> metadata = new HashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            metadata.put(one(KEYS, random), one(VALUES, random));
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(out, List.copyOf(tensors.values()), metadata);
        return out.toByteArray();
    }

    private static Shape shape(Random random) {
        if (random.nextInt(20) == 0) {
            return Shape.of(0, -1); // [0, 2^64-1] is a valid shape of no elements
        }
        return Shape.of(random.longs(random.nextInt(5), 0, 5)
                .map(dim -> dim == 4 ? 8 : dim)
                .toArray());
    }

    private static String one(String[] choices, Random random) {
        return choices[random.nextInt(choices.length)];
    }
}
