package io.doraxis;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "io.doraxis", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule sparkIsUsedByTheJobsAndStartedByTheCommands = noClasses()
            .that()
            .resideOutsideOfPackages("io.doraxis.spark..", "io.doraxis.cli..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.spark..", "scala..");

    @ArchTest
    static final ArchRule nd4jIsUsedByItsKernelAlone = noClasses()
            .that()
            .resideOutsideOfPackage("io.doraxis.nd4j..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.nd4j..", "org.bytedeco..");

    @ArchTest
    static final ArchRule theKernelKnowsNoJob = noClasses()
            .that()
            .resideInAPackage("io.doraxis.nd4j..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.doraxis.spark..", "io.doraxis.cli..", "io.doraxis.store..");

    @ArchTest
    static final ArchRule hadoopFileSystemsAreUsedByTheStore = noClasses()
            .that()
            .resideOutsideOfPackages("io.doraxis.store..", "io.doraxis.cli..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.apache.hadoop.fs..");

    @ArchTest
    static final ArchRule theStoreKnowsNoJob = noClasses()
            .that()
            .resideInAPackage("io.doraxis.store..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.doraxis.spark..", "io.doraxis.cli..");

    @ArchTest
    static final ArchRule theReportKnowsNoJobAndNoStore = noClasses()
            .that()
            .resideInAPackage("io.doraxis.report..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.doraxis.spark..", "io.doraxis.cli..", "io.doraxis.store..");

    @ArchTest
    static final ArchRule jobsKnowNoCommandLine = noClasses()
            .that()
            .resideInAPackage("io.doraxis.spark..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.doraxis.cli..", "picocli..");

    @ArchTest
    static final ArchRule packagesFormNoCycle =
            slices().matching("io.doraxis.(*)..").should().beFreeOfCycles();
}
