/** Exit codes of the daemon (docs/reference/health.md). */
export const exitCode = { clean: 0, refused: 1, forced: 2, kafkaLost: 3 } as const
