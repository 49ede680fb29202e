/** A page that is not about one event. */
export interface CommonPage {
  /** From the folder of the site. */
  readonly path: string
  readonly name: string
  /** What is there, for the search. */
  readonly summary: string
}

/** In the order of the navigation. */
export const commonPages: readonly CommonPage[] = [
  { path: 'consumers.html', name: 'Consumers', summary: 'The groups, and what each of them handles' },
  { path: 'owners.html', name: 'Owners', summary: 'The teams, and how they are reached' },
  { path: 'personal.html', name: 'Personal data', summary: 'The fields that hold it, and where it is kept' },
  { path: 'envelope.html', name: 'Envelope', summary: 'The fields and headers of every record' },
  { path: 'releases.html', name: 'Releases', summary: 'The changes of the catalogue by release' },
  { path: 'asyncapi.yaml', name: 'AsyncAPI document', summary: 'The catalogue for other tools' },
]
