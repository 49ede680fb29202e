/** Why a group may not go on fetching. The reason is one of few; the detail is for a log line. */
export interface Pressed {
  readonly reason: string
  readonly detail?: string
}

/** Whether a group may go on fetching: null, or why not. `paused` lets it resume at a lower mark than it stops at. */
export type Pressure = (paused: boolean) => Promise<Pressed | null>
