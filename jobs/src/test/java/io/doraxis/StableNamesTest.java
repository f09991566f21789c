package io.doraxis;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Names of this module that are stored in tables and reports: they may be added to, and never renamed. */
@AnalyzeClasses(packages = "io.doraxis", importOptions = DoNotIncludeTests.class)
class StableNamesTest {
    private static final Map<String, String> STORED = Map.of(
            "MergeResult$Status",
            "DONE PLANNED REFUSED FAILED UP_TO_DATE",
            "ExportResult$Code",
            "NOT_AN_ADAPTER UNSUPPORTED_BASE UNSUPPORTED_OUTPUT INCOMPLETE_ROW UNMATCHED NOT_WITHIN_ERROR NOT_AS_SOURCE",
            "Verdict",
            "SILENTLY_WRONG UNREADABLE AMBIGUOUS NOT_EVERYWHERE RIGHT NO_ADAPTER");
    private static final Set<String> NOT_STORED = Set.of("DeviceChoice", "KernelChoice", "ReportFormat");
    private static final Set<String> PACKAGES = Set.of("io.doraxis.spark", "io.doraxis.report");

    @ArchTest
    static void everyOtherPublicEnumHasItsNames(JavaClasses classes) {
        Map<String, String> found = classes.stream()
                .filter(type -> PACKAGES.contains(type.getPackageName()) && type.isEnum())
                .filter(type -> type.getModifiers().contains(JavaModifier.PUBLIC))
                .filter(type -> !NOT_STORED.contains(name(type)))
                .collect(Collectors.toMap(StableNamesTest::name, type -> names(type.reflect())));
        assertThat(found).isEqualTo(STORED);
    }

    private static String name(JavaClass type) {
        return type.getName().substring(type.getPackageName().length() + 1);
    }

    private static String names(Class<?> type) {
        return Stream.of(type.getEnumConstants())
                .map(constant -> ((Enum<?>) constant).name())
                .collect(Collectors.joining(" "));
    }
}
