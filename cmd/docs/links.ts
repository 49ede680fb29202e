// Paths from the folder of the site. Types of events are parts of file names: the rules of the catalogue allow them no other characters.

/** The page of an event. */
export const eventPath = (type: string) => `events/${encodeURIComponent(type)}.html`

/** The page with the source of an event. */
export const sourcePath = (type: string) => `source/${encodeURIComponent(type)}.html`

export const consumerPath = (name: string) => `consumers.html#${anchor('group', name)}`

export const ownerPath = (team: string) => `owners.html#${anchor('team', team)}`

/** The id of a part of a page. */
export function anchor(kind: string, name: string): string {
  return `${kind}-${name.replaceAll(/[^\w.-]+/g, '-')}`
}

/** Where the folder of the site is, seen from one of its pages: empty, or `../`. */
export function rootFrom(path: string): string {
  return '../'.repeat(path.split('/').length - 1)
}
