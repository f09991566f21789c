package io.doraxis.s3;

import io.doraxis.s3.CountingProxy.Request;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * A real S3 server with a folder as its only bucket, and a proxy before it that makes every answer wait: what benchmarks
 * read from. Of each line on its input it says what was asked since the last, and it ends with its input.
 */
public final class DistantServer {
    private DistantServer() {}

    /** @param args the folder, the name of the bucket, and milliseconds of latency */
    public static void main(String[] args) throws IOException {
        try (S3Server server = S3Server.start();
                CountingProxy proxy = CountingProxy.before(server.endpoint())) {
            server.link(args[1], Path.of(args[0]));
            proxy.weather(Weather.latency(Integer.parseInt(args[2])));
            System.out.println(proxy.endpoint() + " " + S3Server.accessKey() + " " + S3Server.secretKey());
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            while (lines.readLine() != null) {
                System.out.printf(
                        "{\"GET\": %d, \"HEAD\": %d, \"LIST\": %d}%n",
                        proxy.requests().stream()
                                .filter(request -> request.method().equals("GET") && !request.isListing())
                                .count(),
                        proxy.requests().stream()
                                .filter(request -> request.method().equals("HEAD"))
                                .count(),
                        proxy.requests().stream().filter(Request::isListing).count());
                proxy.forget();
            }
        }
    }
}
