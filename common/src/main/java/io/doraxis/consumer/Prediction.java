package io.doraxis.consumer;

/**
 * What one consumer will do with a file.
 *
 * @param reason names the rule and says what it rests on
 */
public record Prediction(Outcome outcome, String reason) {}
