import { z } from "zod";

/** How bad it is, in the platform's words: problems of infrastructure are high, problems of data low. */
export const ALERT_SEVERITIES = ["low", "medium", "high", "critical"] as const;
export type AlertSeverity = typeof ALERT_SEVERITIES[number];

/**
 * What can be wrong with a feed. `failed`: a job could not be done. `held`: a guard stopped a file. `rejects`: a file
 * had more rejected and failed rows than `alertRejectLimit`. `missing`: no file has come by `expectedBy`. `discovery`:
 * the bucket could not be looked at.
 */
export const PROBLEM_KINDS = ["failed", "held", "rejects", "missing", "discovery"] as const;
export type ProblemKind = typeof PROBLEM_KINDS[number];

/**
 * One thing to tell people. The title says nothing that differs from job to job, because the platform puts issues of
 * one severity and title together (versori-platform, section 1.8); what differs is in the message.
 */
export const alertSchema = z.object({
  change: z.enum(["worse", "recovered"]),
  kind: z.enum(PROBLEM_KINDS),
  severity: z.enum(ALERT_SEVERITIES),
  title: z.string(),
  message: z.string(),
  /** Facts by name, for programs and for the annotations. */
  facts: z.record(z.string(), z.string()),
});
export type Alert = z.output<typeof alertSchema>;
