import { readFileSync } from 'node:fs'
import type { MailType } from '../../../delivery/email/mail-message.ts'

/** The sources of a built-in mail, put together from its files, its styles inlined. */
export interface BuiltInSources {
  readonly subject: string
  readonly html: string
  readonly text: string
}

/** What is said outside the body: the subject, the line that mailboxes show beside it, and why one receives this mail. */
interface Words {
  readonly subject: string
  readonly preheader: string
  readonly shareTitle: string
  readonly reason: string
}

/**
 * Reads a built-in from the files beside this one. Its HTML is read as it was put together and inlined when it was last changed, so that no
 * process loads the CSS inliner for it.
 *
 * @throws {Error} a file is missing, which is a broken installation.
 */
export function readBuiltIn(type: MailType): BuiltInSources {
  return { subject: wordsOf[type].subject, html: readFile(`inlined/${type}.html.mustache`), text: putTogether(type, 'txt') }
}

/**
 * A body of a built-in, put together from its parts: `{{> name}}` stands for a file or a line of words and is put in here,
 * once: when a mail is rendered there are no partials. The styles of the HTML are not inlined.
 *
 * @throws {Error} a file is missing, which is a broken installation.
 */
export function putTogether(type: MailType, format: 'html' | 'txt'): string {
  const words = wordsOf[type]
  const lines: Readonly<Record<string, string>> = {
    subject: words.subject,
    preheader: words.preheader,
    share_title: words.shareTitle,
    reason: words.reason,
    content: readPart(type, format),
  }
  let expanded = readPart('layout', format)
  // Content holds partials and these hold lines of words: three rounds reach the bottom.
  for (let depth = 0; depth < 3; depth++) {
    expanded = expanded.replace(/\{\{> (\w+)\}\}\n?/g, (tag, name: string) => {
      const line = lines[name] ?? readPart(name, format)
      return tag.endsWith('\n') ? `${line.trimEnd()}\n` : line.trimEnd()
    })
  }
  return expanded
}

const joined = 'You receive this mail because this address was used to join {{campaign}}. If that was not you, please ignore it.'
const takesPart = 'You receive this mail because you take part in {{campaign}}.'

const wordsOf: Readonly<Record<MailType, Words>> = {
  welcome: {
    subject: 'Welcome to {{campaign}}',
    preheader: '{{#position}}You are number {{position}}. {{/position}}It is good to have you with us.',
    shareTitle: 'Invite your friends',
    reason: joined,
  },
  verification: {
    subject: 'Your email address is confirmed',
    preheader: 'Your place on {{campaign}} is safe.',
    shareTitle: 'Want to move up?',
    reason: joined,
  },
  position_update: {
    subject:
      '{{#position}}You are now number {{position}} on {{campaign}}{{/position}}{{^position}}News about your place on {{campaign}}{{/position}}',
    preheader: 'Someone you invited has joined and confirmed.',
    shareTitle: 'Keep going',
    reason: takesPart,
  },
  reward_earned: {
    subject: 'You have earned a reward{{#reward_name}}: {{reward_name}}{{/reward_name}}',
    preheader: 'Congratulations! We are getting it ready for you.',
    shareTitle: 'Keep going',
    reason: takesPart,
  },
  milestone: {
    subject:
      '{{#campaign_name}}{{campaign_name}} has{{/campaign_name}}{{^campaign_name}}We have{{/campaign_name}} reached {{#milestone_title}}{{milestone_title}}{{/milestone_title}}{{^milestone_title}}a milestone{{/milestone_title}}',
    preheader: 'And you are part of it. Thank you!',
    shareTitle: 'Help us grow',
    reason: takesPart,
  },
  reward_delivery: {
    subject: 'Your reward is here{{#reward_name}}: {{reward_name}}{{/reward_name}}',
    preheader: 'Open this mail to see how to use it.',
    shareTitle: '',
    reason: 'You receive this mail because you earned a reward by taking part in {{campaign}}.',
  },
}

function readPart(name: string, format: 'html' | 'txt'): string {
  return readFile(`${name}.${format}.mustache`)
}

function readFile(name: string): string {
  return readFileSync(new URL(`./built-in/${name}`, import.meta.url), 'utf8')
}
