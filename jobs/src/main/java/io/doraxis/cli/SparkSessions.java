package io.doraxis.cli;

import io.doraxis.store.StoreClients;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** Spark as the commands need it: spark-submit's own where there is one, else embedded. */
final class SparkSessions {
    private static final Pattern MASTER = Pattern.compile("local(\\[.*])?|local-cluster\\[.*]|yarn|(spark|k8s)://.+");
    private static final String HADOOP = "spark.hadoop.";
    private static final String STREAM = "fs.s3a.input.stream.type";
    private static final String CLASSIC = "classic"; // one GET for a range, no HEAD
    private static final String CLIENTS = "fs.s3a.s3.client.factory.impl";
    private static final String CREDENTIALS = "fs.s3a.aws.credentials.provider";
    private static final String SDK_CHAIN = "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider";

    private SparkSessions() {}

    /** Hadoop's settings for a command without Spark: those of a session, from the same system properties. */
    static Configuration storeSettings() {
        Configuration settings = new Configuration();
        settings.set(STREAM, CLASSIC);
        settings.set(CLIENTS, StoreClients.class.getName());
        settings.set(CREDENTIALS, SDK_CHAIN);
        for (String name : System.getProperties().stringPropertyNames()) {
            if (name.startsWith(HADOOP)) {
                settings.set(name.substring(HADOOP.length()), System.getProperty(name));
            }
        }
        return settings;
    }

    /** @param master null to take spark-submit's, or all cores of this machine */
    static SparkSession open(String command, String master, int ioConcurrency) throws Doraxis.UsageException {
        SparkConf conf = new SparkConf(); // spark-submit's settings, and spark.* system properties
        if (master != null && !MASTER.matcher(master).matches()) {
            throw new Doraxis.UsageException(
                    "--master is local, local[N], yarn, spark://HOST:PORT or k8s://URL, not " + master);
        }
        if (master != null) {
            conf.setMaster(master);
        }
        conf.setIfMissing("spark.master", "local[*]");
        conf.setIfMissing("spark.app.name", "doraxis " + command);
        if (conf.get("spark.master").startsWith("local")) {
            conf.setIfMissing("spark.ui.enabled", "false");
            conf.setIfMissing("spark.driver.host", "127.0.0.1");
            conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
        }
        conf.setIfMissing("spark.sql.shuffle.partitions", "16");
        conf.setIfMissing("spark.sql.session.timeZone", "UTC");
        conf.setIfMissing("spark.sql.parquet.compression.codec", "zstd");
        conf.setIfMissing("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS");
        conf.setIfMissing(HADOOP + STREAM, CLASSIC);
        conf.setIfMissing(HADOOP + CLIENTS, StoreClients.class.getName());
        conf.setIfMissing(HADOOP + CREDENTIALS, SDK_CHAIN);
        conf.setIfMissing("spark.hadoop.fs.s3a.connection.maximum", String.valueOf(Math.max(96, ioConcurrency * 2)));
        return SparkSession.builder().config(conf).getOrCreate();
    }
}
