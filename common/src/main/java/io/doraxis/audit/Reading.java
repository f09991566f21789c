package io.doraxis.audit;

import io.doraxis.tensorfile.Reason;

/**
 * How the reading of a checkpoint went.
 *
 * @param container what its first bytes say it is; null when there were none
 * @param reason null when all was read
 * @param message null when all was read; otherwise object, reason, byte offset, found and expected
 * @param bytesRead from the store
 * @param requests to the store, each counted once however often it was tried
 * @param retries tries of those requests beyond the first
 */
public record Reading(
        Status status, String container, Reason reason, String message, long bytesRead, int requests, int retries) {
    Reading withRetries(int count) {
        return new Reading(status, container, reason, message, bytesRead, requests, count);
    }
}
