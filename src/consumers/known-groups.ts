import type { Consumer } from '../model/consumer.ts'
import { createConsumers } from './registry.ts'
import { everythingGoes } from './mail-rules.ts'

/** The registered consumers, to be listed and named but never run: nobody has configured them. */
export const listedConsumers: readonly Consumer[] = createConsumers({
  missingRowWaitMs: 0,
  positionMailMaxWaitMs: 0,
  referralLinkTemplate: null,
  rules: everythingGoes,
})

/** What the configuration is held against: which groups exist, and which of them need a relay. */
export const knownGroups = {
  groups: listedConsumers.map(({ name }) => name),
  mailGroups: listedConsumers.filter(({ kinds }) => kinds.some(({ channel }) => channel === 'email')).map(({ name }) => name),
}
