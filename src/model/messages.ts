/**
 * What `prepare` gives each channel, by the channel's name. Open: the folder of a channel declares its own message
 * (`declare module`), so that no file here changes when a channel is added.
 */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type -- every member is declared by a channel
export interface Messages {}

/** The channel that executes an intent; one of the list in `daemon/compose/channels.ts`. */
export type ChannelName = keyof Messages
