package io.doraxis.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.doraxis.catalog.StoredObject;
import io.doraxis.s3.CountingProxy;
import io.doraxis.s3.CountingProxy.Request;
import io.doraxis.s3.S3Server;
import io.doraxis.s3.Weather;
import io.doraxis.tensorfile.Reason;
import io.doraxis.tensorfile.StoreException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Reads of a real S3 server through one kind of bad weather at a time. */
class WeatheredReadIT {
    private static final String BUCKET = "weathered";
    private static final byte[] CONTENT = new byte[200_000];

    private static final RetryBudget BUDGET = RetryBudget.of("s3a://" + BUCKET);

    private static S3Server server;
    private static CountingProxy proxy;
    private static Configuration settings;

    private ObjectStore store;

    @BeforeAll
    static void startServer() throws IOException {
        new Random(1).nextBytes(CONTENT);
        server = S3Server.start();
        proxy = CountingProxy.before(server.endpoint());
        server.put(BUCKET, "object", CONTENT);
        settings = new Configuration();
        server.hadoopOptions(proxy.endpoint()).forEach(settings::set);
        settings.set("fs.s3a.s3.client.factory.impl", StoreClients.class.getName());
    }

    @AfterAll
    static void stopServer() throws IOException {
        FileSystem.get(new Path("s3a://" + BUCKET).toUri(), settings).close();
        proxy.close();
        server.close();
    }

    @BeforeEach
    void open() {
        store = new ObjectStore(settings);
    }

    @AfterEach
    void clear() {
        IntStream.range(0, RetryBudget.FAILURES).forEach(i -> BUDGET.succeeded());
        proxy.weather(Weather.CALM);
        proxy.forget();
    }

    private StoredObject object() throws IOException {
        return store.object("s3a://" + BUCKET + "/object");
    }

    private byte[] read(StoredObject object, int from, int to) throws IOException {
        try (InputStream in = store.reader(object).open(from, to)) {
            return in.readAllBytes();
        }
    }

    private static Weather weather(double throttled, double failed, double reset, double cut, double wrongRange) {
        return new Weather(3, throttled, failed, reset, cut, wrongRange, 0, 0, 0);
    }

    private void readsArriveWhole(Weather weather) throws IOException {
        StoredObject object = object();
        proxy.weather(weather);
        for (int size = 1000; size < 1020; size++) {
            assertThat(store.head(object, size)).isEqualTo(Arrays.copyOf(CONTENT, size));
            assertThat(read(object, size, 100 * size)).isEqualTo(Arrays.copyOfRange(CONTENT, size, 100 * size));
        }
        assertThat(store.retries()).isPositive();
        assertThat(proxy.requests())
                .filteredOn(request -> request.method().equals("HEAD"))
                .hasSize(1);
    }

    @Test
    void aStoreThatThrottlesSlowsReads() throws IOException {
        readsArriveWhole(weather(0.3, 0, 0, 0, 0));
    }

    @Test
    void aStoreThatFailsIsAskedAgain() throws IOException {
        readsArriveWhole(weather(0, 0.2, 0, 0, 0));
    }

    @Test
    void aConnectionThatEndsIsMadeAgain() throws IOException {
        readsArriveWhole(weather(0, 0, 0.2, 0, 0));
    }

    @Test
    void aBodyThatEndsEarlyIsReadOn() throws IOException {
        readsArriveWhole(weather(0, 0, 0, 0.2, 0));
    }

    @Test
    void anotherRangeThanWasAskedForIsNotTaken() throws IOException {
        readsArriveWhole(weather(0, 0, 0, 0, 0.2));
    }

    /** What nothing is left to try again for. */
    private void isReason(Weather weather, Reason reason, String said) throws IOException {
        StoredObject object = object();
        while (BUDGET.failed(1).isPresent()) {
            assertThat(store.retries()).isZero();
        }
        proxy.weather(weather);
        assertThatThrownBy(() -> store.head(object, 100_000))
                .isInstanceOfSatisfying(
                        StoreException.class, e -> assertThat(e.reason()).isEqualTo(reason))
                .hasMessageContaining(object.uri() + ": " + reason + ": ")
                .hasMessageContaining(said);
        assertThatThrownBy(() -> read(object, 1000, 200_000))
                .isInstanceOfSatisfying(
                        StoreException.class, e -> assertThat(e.reason()).isEqualTo(reason));
    }

    @Test
    void anObjectThatIsAnotherNowIsNotReadAndNotAskedForAgain() throws IOException {
        isReason(new Weather(3, 0, 0, 0, 0, 0, 1, 0, 0), Reason.STORE_CHANGED, "");
        assertThat(proxy.requests()).extracting(Request::status).containsOnly(200, 412);
        assertThat(store.retries()).isZero();
    }

    @Test
    void aBodyThatEndsEarlyEachTimeIsShort() throws IOException {
        isReason(weather(0, 0, 0, 1, 0), Reason.SHORT_BODY, "Premature end");
    }

    @Test
    void anotherRangeEachTimeHasItsCode() throws IOException {
        isReason(weather(0, 0, 0, 0, 1), Reason.WRONG_RANGE, "expected bytes=0-99999");
    }

    @Test
    void aStoreThatIsDownHasFailed() throws IOException {
        isReason(weather(0, 0, 1, 0, 0), Reason.STORE_FAILED, "");
    }

    @Test
    void anObjectThatIsGoneIsNotAskedForAgain() throws IOException {
        StoredObject gone = new StoredObject("s3a://" + BUCKET + "/gone", 1000, null, 0);
        assertThatThrownBy(() -> store.head(gone, 1000))
                .isInstanceOfSatisfying(
                        StoreException.class, e -> assertThat(e.reason()).isEqualTo(Reason.STORE_NOT_FOUND));
        assertThat(proxy.requests()).hasSize(1);
    }
}
