package io.doraxis.s3;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.doraxis.s3.Weather.Fault;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Stands in front of an HTTP server, forwards every request and answer as it is, but for what its {@link Weather} does to
 * them, and remembers what was asked. The {@code Host} header stays the client's own, because S3 requests are signed over
 * it.
 */
public final class CountingProxy implements AutoCloseable {
    static {
        // Both are read once, when the JDK's client and server are first used: for main methods, tests are started with
        // it.
        System.setProperty("jdk.httpclient.allowRestrictedHeaders", "host");
        System.setProperty("sun.net.httpserver.nodelay", "true");
    }

    /** Headers of one connection, which each side of the proxy makes for itself. */
    private static final Set<String> PER_CONNECTION =
            Set.of("connection", "content-length", "expect", "keep-alive", "transfer-encoding", "upgrade");

    private final URI target;
    private final HttpServer server;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Queue<Request> requests = new ConcurrentLinkedQueue<>();
    private final Map<String, AtomicInteger> attempts = new ConcurrentHashMap<>();
    private volatile Weather weather = Weather.CALM;

    /**
     * One request.
     *
     * @param path decoded, {@code /bucket/key}
     * @param query as it was sent, empty if there was none
     * @param range the header's value such as {@code bytes=0-8191}, empty if there was none
     * @param status of the answer; 0 where there was none
     */
    public record Request(String method, String path, String query, String range, int status) {
        /** Whether a page of a listing was asked for. */
        public boolean isListing() {
            return method.equals("GET") && query.contains("list-type=");
        }
    }

    private CountingProxy(URI target, HttpServer server) {
        this.target = target;
        this.server = server;
    }

    /** Starts a proxy for a server, given as {@code http://host:port}. */
    public static CountingProxy before(URI target) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        CountingProxy proxy = new CountingProxy(target, server);
        server.setExecutor(proxy.threads);
        server.createContext("/", proxy::forward);
        server.start();
        return proxy;
    }

    public URI endpoint() {
        return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
    }

    /** What was asked since the start or the last {@link #forget()}, in the order of the answers. */
    public List<Request> requests() {
        return List.copyOf(requests);
    }

    public void forget() {
        requests.clear();
    }

    /** Changes the weather; of what was asked before it knows nothing. */
    public void weather(Weather next) {
        attempts.clear();
        weather = next;
    }

    private void forward(HttpExchange exchange) throws IOException {
        try (exchange) {
            byte[] body = exchange.getRequestBody().readAllBytes();
            Request asked = requestOf(exchange, 0);
            Weather now = weather;
            TimeUnit.MILLISECONDS.sleep(now.latencyMillis() + (asked.isListing() ? now.listingMillis() : 0));
            Fault fault = now.fault(asked.method(), asked.path(), asked.query() + asked.range(), attempt(asked));
            boolean changed = asked.method().equals("GET") && !asked.isListing() && now.isChanged(asked.path());
            switch (fault) {
                case THROTTLED -> refuse(exchange, 503, "SlowDown");
                case FAILED -> refuse(exchange, 500, "InternalError");
                case RESET -> requests.add(asked);
                default -> {
                    if (changed && exchange.getRequestHeaders().containsKey("If-Match")) {
                        refuse(exchange, 412, "PreconditionFailed");
                    } else {
                        forward(exchange, body, fault, changed);
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the proxy is being closed
        }
    }

    private int attempt(Request asked) {
        String what = asked.method() + " " + asked.path() + "?" + asked.query() + " " + asked.range();
        return attempts.computeIfAbsent(what, key -> new AtomicInteger()).getAndIncrement();
    }

    private void refuse(HttpExchange exchange, int status, String code) throws IOException {
        requests.add(requestOf(exchange, status));
        byte[] error = "<Error><Code>%s</Code><Message>the weather</Message></Error>"
                .formatted(code)
                .getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/xml");
        boolean isHead = exchange.getRequestMethod().equals("HEAD");
        exchange.sendResponseHeaders(status, isHead ? -1 : error.length);
        if (!isHead) {
            exchange.getResponseBody().write(error);
        }
    }

    private void forward(HttpExchange exchange, byte[] body, Fault fault, boolean changed)
            throws IOException, InterruptedException {
        HttpResponse<InputStream> answer = client.send(copyOf(exchange, body), BodyHandlers.ofInputStream());
        try (InputStream content = answer.body()) {
            requests.add(requestOf(exchange, answer.statusCode()));
            reply(exchange, answer, content, fault, changed);
        }
    }

    private HttpRequest copyOf(HttpExchange exchange, byte[] body) {
        BodyPublisher publisher = body.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(target + rawTarget(exchange.getRequestURI())))
                .method(exchange.getRequestMethod(), publisher);
        exchange.getRequestHeaders().forEach((name, values) -> {
            if (isForwarded(name)) {
                values.forEach(value -> request.header(name, value));
            }
        });
        return request.build();
    }

    private static String rawTarget(URI uri) {
        return uri.getRawQuery() == null ? uri.getRawPath() : uri.getRawPath() + "?" + uri.getRawQuery();
    }

    private static Request requestOf(HttpExchange exchange, int status) {
        URI uri = exchange.getRequestURI();
        String query = uri.getRawQuery() == null ? "" : uri.getRawQuery();
        String range = exchange.getRequestHeaders().getFirst("Range");
        return new Request(exchange.getRequestMethod(), uri.getPath(), query, range == null ? "" : range, status);
    }

    private static void reply(
            HttpExchange exchange, HttpResponse<InputStream> answer, InputStream body, Fault fault, boolean changed)
            throws IOException {
        Headers headers = exchange.getResponseHeaders();
        answer.headers().map().forEach((name, values) -> {
            if (isForwarded(name)) {
                headers.put(name, values);
            }
        });
        if (changed) {
            headers.set("ETag", "\"another\"");
        }
        String range = headers.getFirst("Content-Range");
        if (fault == Fault.WRONG_RANGE && range != null) {
            headers.set("Content-Range", range.replaceFirst("bytes ", "bytes 1")); // 0-9 becomes 10-9, 5-9 becomes 15-9
        }
        long length = answer.headers().firstValueAsLong("content-length").orElse(0);
        boolean isHead = exchange.getRequestMethod().equals("HEAD");
        if (isHead) {
            headers.set("Content-Length", Long.toString(length)); // of what a GET would bring
        }
        boolean isChunked = answer.headers().firstValue("transfer-encoding").isPresent();
        boolean isEmpty = isHead || (length == 0 && !isChunked);
        exchange.sendResponseHeaders(answer.statusCode(), isEmpty ? -1 : length);
        if (!isEmpty) {
            OutputStream out = exchange.getResponseBody();
            if (fault == Fault.CUT && length > 0) {
                out.write(body.readNBytes((int) (length / 2)));
                out.flush();
                return; // the connection ends with the exchange
            }
            if (fault == Fault.WRONG_RANGE && range != null) {
                out.write(~body.read()); // what is there is not what was asked for
            }
            body.transferTo(out);
            out.close();
        }
    }

    private static boolean isForwarded(String header) {
        return !PER_CONNECTION.contains(header.toLowerCase(Locale.ROOT));
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
