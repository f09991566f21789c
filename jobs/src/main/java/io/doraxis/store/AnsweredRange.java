package io.doraxis.store;

import java.io.IOException;
import java.io.InputStream;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.http.Abortable;
import software.amazon.awssdk.http.SdkHttpResponse;

/** Refuses an answer with another range of an object than was asked for, which nobody else looks at. */
final class AnsweredRange implements ExecutionInterceptor {
    private static final Pattern ASKED = Pattern.compile("bytes=(\\d+)-(\\d+)");
    private static final Pattern ANSWERED = Pattern.compile("bytes (\\d+)-(\\d+)/.*");

    /** The bytes are others than those that were asked for. */
    static final class WrongRangeException extends IOException {
        private static final long serialVersionUID = 1;

        public WrongRangeException(String message) { // public: S3A makes another of the same kind
            super(message);
        }
    }

    @Override
    public void afterTransmission(Context.AfterTransmission context, ExecutionAttributes attributes) {
        SdkHttpResponse answer = context.httpResponse();
        String asked = context.httpRequest().firstMatchingHeader("Range").orElse("");
        if (!answer.isSuccessful() || asked.isEmpty() || isRight(asked, answer)) {
            return;
        }
        context.responseBody().ifPresent(AnsweredRange::abandon);
        String found = answer.firstMatchingHeader("Content-Range").orElse("the whole object");
        throw SdkClientException.create(
                "wrong range", new WrongRangeException("found " + found + ", expected " + asked));
    }

    /** A range may end earlier, where the object does; all of an object needs no word of a range. */
    private static boolean isRight(String asked, SdkHttpResponse answer) {
        Matcher wanted = ASKED.matcher(asked);
        if (!wanted.matches()) {
            return true;
        }
        Matcher sent =
                ANSWERED.matcher(answer.firstMatchingHeader("Content-Range").orElse(""));
        if (!sent.matches()) {
            String length = answer.firstMatchingHeader("Content-Length").orElse("");
            return wanted.group(1).equals("0") && length.equals(Long.toString(Long.parseLong(wanted.group(2)) + 1));
        }
        return wanted.group(1).equals(sent.group(1))
                && Long.parseLong(sent.group(2)) <= Long.parseLong(wanted.group(2));
    }

    private static void abandon(InputStream body) {
        if (body instanceof Abortable abortable) {
            abortable.abort(); // its end may be far away
        }
    }
}
