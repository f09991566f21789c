package io.doraxis.consumer;

/**
 * What happens to a module of which these facts hold and those do not.
 *
 * @param required facts, as bits
 * @param forbidden facts, as bits
 * @param ofModule what it means for the file that it has such a module
 * @param ofFile what it means when the whole file is like that: the same, or REJECTS where such modules are not loaded
 * @param loads false where the consumer passes the module over
 */
record Rule(long required, long forbidden, Prediction ofModule, Prediction ofFile, boolean loads) {
    boolean matches(long facts) {
        return (facts & required) == required && (facts & forbidden) == 0;
    }
}
