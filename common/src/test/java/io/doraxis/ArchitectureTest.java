package io.doraxis;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.ArrayList;
import java.util.List;

/** Packages depend one way only: what stands further left in the chain knows nothing of what stands right. */
@AnalyzeClasses(packages = "io.doraxis", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    /** {@code audit} may use all of them, and none of them uses it. */
    private static final List<String> CHAIN =
            List.of("catalog", "tensorfile", "adapter", "naming", "dora", "consumer", "merge", "peft", "audit");

    @ArchTest
    static final ArchRule catalogNeedsNoOtherPackage = leftOnly("catalog");

    @ArchTest
    static final ArchRule tensorfileNeedsNoOtherPackage = noClasses()
            .that()
            .resideInAPackage("io.doraxis.tensorfile..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(packages(
                    CHAIN.stream().filter(name -> !name.equals("tensorfile")).toList()));

    @ArchTest
    static final ArchRule adapterUsesOnlyWhatStandsLeft = leftOnly("adapter");

    @ArchTest
    static final ArchRule namingUsesOnlyWhatStandsLeft = leftOnly("naming");

    @ArchTest
    static final ArchRule doraUsesOnlyWhatStandsLeft = leftOnly("dora");

    @ArchTest
    static final ArchRule consumerUsesOnlyWhatStandsLeft = leftOnly("consumer");

    @ArchTest
    static final ArchRule mergeUsesOnlyWhatStandsLeft = leftOnly("merge");

    @ArchTest
    static final ArchRule peftUsesOnlyWhatStandsLeft = leftOnly("peft");

    @ArchTest
    static final ArchRule nothingKnowsAnEngine = noClasses()
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache..", "scala..", "org.nd4j..", "org.bytedeco..", "software.amazon..");

    @ArchTest
    static final ArchRule nothingUsesMoreThanJavaAndJackson = noClasses()
            .should()
            .dependOnClassesThat()
            .resideOutsideOfPackages("java..", "com.fasterxml.jackson.core..", "io.doraxis..", "");

    @ArchTest
    static final ArchRule packagesFormNoCycle =
            slices().matching("io.doraxis.(*)..").should().beFreeOfCycles();

    private static ArchRule leftOnly(String name) {
        return noClasses()
                .that()
                .resideInAPackage("io.doraxis." + name + "..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(packages(CHAIN.subList(CHAIN.indexOf(name) + 1, CHAIN.size())));
    }

    private static String[] packages(List<String> names) {
        List<String> packages = new ArrayList<>();
        names.forEach(name -> packages.add("io.doraxis." + name + ".."));
        return packages.toArray(String[]::new);
    }
}
