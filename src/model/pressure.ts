/** Why a group must pause fetching. `reason` is a metric label with few values; `detail` is for a log line. */
export interface PauseReason {
  readonly reason: string
  readonly detail?: string
}

/** Backpressure: null while a group may fetch, or the reason for a pause. `paused` selects the lower watermark, at which fetching resumes. */
export type Pressure = (paused: boolean) => Promise<PauseReason | null>
