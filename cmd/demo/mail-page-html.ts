import type { Email } from 'postal-mime'
import type { SmtpMail } from '../../stack/smtp-sink.ts'

/** The newest mails, newest first; looks again by itself. */
export function listDocument(entries: readonly { readonly mail: SmtpMail; readonly email: Email }[], received: number): string {
  const rows = entries.map(
    ({ mail, email }) =>
      `<a class="row" href="/mail/${encodeURIComponent(mail.messageId)}">
        <time datetime="${new Date(mail.at).toISOString()}">${new Date(mail.at).toISOString().slice(11, 19)} UTC</time>
        <span class="to">${escape(mail.recipients.join(', '))}</span>
        <span class="subject">${escape(email.subject ?? '')}</span>
      </a>`,
  )
  return document(
    'Caught mails',
    `<header><h1>Caught mails</h1><p>${received} so far; the newest ${entries.length} are listed.</p></header>
    <main class="list">${rows.join('') || '<p class="empty">None yet.</p>'}</main>`,
    '<meta http-equiv="refresh" content="3">',
  )
}

/** One mail: its HTML part in a sandbox, its text, and its headers. */
export function mailDocument(mail: SmtpMail, email: Email): string {
  const headers = email.headers.map(({ originalKey, value }) => `<tr><th>${escape(originalKey)}</th><td>${escape(value)}</td></tr>`)
  return document(
    email.subject ?? 'A mail',
    `<header><p><a href="/">All mails</a></p><h1>${escape(email.subject ?? '')}</h1>
      <p>${escape(email.from?.name ?? '')} &lt;${escape(email.from?.address ?? mail.from)}&gt; to ${escape(mail.recipients.join(', '))}</p></header>
    <main>
      <iframe sandbox title="The mail's HTML" src="/html/${encodeURIComponent(mail.messageId)}"></iframe>
      <p><a href="/html/${encodeURIComponent(mail.messageId)}">The HTML alone</a></p>
      <h2>Text</h2><pre>${escape(email.text ?? '')}</pre>
      <h2>Headers</h2><table>${headers.join('')}</table>
    </main>`,
  )
}

export function missingDocument(): string {
  return document(
    'No such mail',
    '<header><h1>No such mail</h1><p>Newer mails may have replaced it. <a href="/">All mails</a></p></header>',
  )
}

function document(title: string, body: string, head = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">${head}<title>${escape(title)}</title><style>${style}</style></head><body>${body}</body></html>`
}

const style = `
  :root { color-scheme: light dark; --line: light-dark(#e4e4e7, #3f3f46); --soft: light-dark(#71717a, #a1a1aa); --accent: light-dark(#4f46e5, #a5b4fc);
    --page: light-dark(#fafafa, #18181b); --card: light-dark(#fff, #27272a); }
  body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem; background: var(--page); font: 15px/1.5 system-ui, sans-serif; }
  h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 2rem 0 .5rem; font-size: 1rem; }
  header { margin-bottom: 1.5rem; } header p { margin: .25rem 0; color: var(--soft); } a { color: var(--accent); }
  .list, iframe, pre, table { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }
  .list { overflow: hidden; } .empty { padding: 0 1rem; color: var(--soft); }
  .row { display: grid; grid-template-columns: 6.5rem 18rem 1fr; gap: 1rem; padding: .6rem 1rem; color: inherit; text-decoration: none; }
  .row + .row { border-top: 1px solid var(--line); } .row:hover { background: var(--page); }
  .row span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; } time, .to { color: var(--soft); } .subject { font-weight: 600; }
  iframe { box-sizing: border-box; width: 100%; height: 56rem; resize: vertical; } pre { padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
  table { width: 100%; border-spacing: 0; font-size: .85rem; } th, td { padding: .3rem .75rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
  th { width: 12rem; color: var(--soft); font-weight: 500; }
  @media (max-width: 40rem) { .row { grid-template-columns: 1fr; gap: 0; } }`

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
