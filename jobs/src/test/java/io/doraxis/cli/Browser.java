package io.doraxis.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A headless Chromium, by chromedriver and the few commands of the WebDriver protocol that the tests need. Selenium would bring
 * other versions of what Spark has.
 */
final class Browser implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern STARTED = Pattern.compile("started successfully on port (\\d+)");

    private final HttpClient http = HttpClient.newHttpClient();
    private final Process driver;
    private final String session;

    private Browser(Process driver, int port, Map<String, Object> capabilities) throws IOException {
        this.driver = driver;
        String server = "http://127.0.0.1:" + port + "/session";
        Map<String, Object> wanted = Map.of("capabilities", Map.of("alwaysMatch", capabilities));
        this.session =
                server + "/" + send("POST", server, wanted).get("sessionId").asText();
    }

    /** Where chromedriver is; none where there is no browser to test with. */
    static Optional<Path> driver() {
        return Stream.of(System.getenv("PATH").split(":"))
                .map(folder -> Path.of(folder, "chromedriver"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    static Browser open(Path driver, Path downloads) throws IOException {
        Process process = new ProcessBuilder(driver.toString(), "--port=0")
                .redirectErrorStream(true)
                .start();
        BufferedReader said =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        for (String line = said.readLine(); line != null; line = said.readLine()) {
            Matcher started = STARTED.matcher(line);
            if (started.find()) {
                return new Browser(process, Integer.parseInt(started.group(1)), capabilities(downloads));
            }
        }
        throw new IOException("chromedriver did not start");
    }

    private static Map<String, Object> capabilities(Path downloads) {
        List<String> args = List.of("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu");
        Map<String, Object> chrome = Map.of(
                "args",
                args,
                "prefs",
                Map.of("download.default_directory", downloads.toString(), "download.prompt_for_download", false));
        return Map.of(
                "browserName",
                "chrome",
                "goog:chromeOptions",
                chrome,
                "goog:loggingPrefs",
                Map.of("browser", "ALL", "performance", "ALL"));
    }

    private JsonNode send(String method, String url, Object body) throws IOException {
        HttpRequest.BodyPublisher content = body == null
                ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.ofString(JSON.writeValueAsString(body));
        HttpRequest request =
                HttpRequest.newBuilder(URI.create(url)).method(method, content).build();
        try {
            HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
            if (response.statusCode() != 200) {
                throw new IOException(response.body());
            }
            return JSON.readTree(response.body()).get("value");
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    private JsonNode post(String command, Object body) throws IOException {
        return send("POST", session + command, body);
    }

    void visit(Path page) throws IOException {
        post("/url", Map.of("url", page.toUri().toString()));
    }

    void resize(int width, int height) throws IOException {
        devtools(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 600));
    }

    /** A command of Chromium's own protocol. */
    JsonNode devtools(String command, Map<String, Object> params) throws IOException {
        return post("/goog/cdp/execute", Map.of("cmd", command, "params", params));
    }

    /** The value of a script's {@code return}. */
    JsonNode run(String script) throws IOException {
        return post("/execute/sync", Map.of("script", script, "args", List.of()));
    }

    /** The value of a script once it is true or a text, or what it was at last. */
    JsonNode await(String script) throws IOException {
        String waiting = """
                const done = arguments[0];
                const end = performance.now() + 60000;
                const look = () => {
                  const value = (() => { %s })();
                  if (value || performance.now() > end) done(value); else setTimeout(look, 50);
                };
                look();""".formatted(script);
        post("/timeouts", Map.of("script", 90_000));
        return post("/execute/async", Map.of("script", waiting, "args", List.of()));
    }

    /** Types into what has the focus. */
    void press(String keys) throws IOException {
        List<Object> actions = new ArrayList<>();
        keys.codePoints().forEach(key -> {
            actions.add(Map.of("type", "keyDown", "value", Character.toString(key)));
            actions.add(Map.of("type", "keyUp", "value", Character.toString(key)));
        });
        post("/actions", Map.of("actions", List.of(Map.of("type", "key", "id", "keyboard", "actions", actions))));
    }

    /** What the page wrote to the console since the last call, and what went wrong in it. */
    List<String> console() throws IOException {
        List<String> lines = new ArrayList<>();
        post("/se/log", Map.of("type", "browser"))
                .forEach(entry -> lines.add(entry.get("message").asText()));
        return lines;
    }

    /** Places that were asked for since the last call. */
    List<String> requests() throws IOException {
        List<String> urls = new ArrayList<>();
        for (JsonNode entry : post("/se/log", Map.of("type", "performance"))) {
            JsonNode event = JSON.readTree(entry.get("message").asText()).get("message");
            if (event.get("method").asText().equals("Network.requestWillBeSent")) {
                urls.add(event.at("/params/request/url").asText());
            }
        }
        return urls;
    }

    @Override
    public void close() throws IOException {
        try {
            send("DELETE", session, null);
        } finally {
            driver.destroy();
        }
    }
}
