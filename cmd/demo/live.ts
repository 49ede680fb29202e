import type { Session } from './session.ts'
export async function playLive(_session: Session, _options: { signal: AbortSignal }): Promise<void> {}
