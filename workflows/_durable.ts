/** The durable workflows, by the names they are registered and started under. */
export const INGEST_FILE = "ingest-file";
export const DELIVER_PARTITION = "deliver-partition";
export const DISCOVER_FILES = "discover-files";

/**
 * Reschedules probably count as attempts on the platform (versori-platform, section 1.10), so that a job is ended by
 * its own limits, never by the queue's.
 */
export const MAX_ATTEMPTS = 1_000_000;

/** Seconds one delivery may take before the platform delivers it again: many slices' worth. */
export const TTL_SECONDS = 300;
