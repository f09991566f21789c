package io.doraxis.store;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.s3a.Constants;
import org.apache.hadoop.fs.s3a.DefaultS3ClientFactory;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.core.retry.RetryMode;
import software.amazon.awssdk.core.retry.RetryPolicy;

/**
 * S3A's clients of a store, but for two things. S3A lets the AWS SDK adapt the rate of requests: each 503 takes a third of
 * it, so that of a store that refuses every fourth request a few objects are read in a second; here each request waits
 * for itself. And the bytes that come must be those that were asked for.
 */
public final class StoreClients extends DefaultS3ClientFactory {
    @Override
    @SuppressWarnings("deprecation") // S3A sets a policy too, and a strategy goes with none
    protected ClientOverrideConfiguration.Builder createClientOverrideConfiguration(
            S3ClientCreationParameters parameters, Configuration settings) throws IOException {
        int retries = settings.getInt(Constants.MAX_ERROR_RETRIES, Constants.DEFAULT_MAX_ERROR_RETRIES);
        return super.createClientOverrideConfiguration(parameters, settings)
                .retryPolicy(RetryPolicy.builder(RetryMode.STANDARD)
                        .numRetries(retries)
                        .build())
                .addExecutionInterceptor(new AnsweredRange());
    }
}
