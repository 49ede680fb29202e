/** An address that {@link parseAddress} let through, and the name shown with it. */
export interface Mailbox {
  readonly address: string
  readonly name?: string
}

/**
 * A body as it goes over the wire: quoted-printable UTF-8 in CRLF lines, none of which begins with a dot. A string of ASCII, so that
 * bodies can be put together from pieces.
 */
export type EncodedText = string & { readonly encoding: 'quoted-printable' }

/** Everything that a mail consists of. */
export interface MailParts {
  readonly from: Mailbox
  readonly to: Mailbox
  readonly replyTo?: string
  readonly subject: string
  readonly html: EncodedText
  readonly text: EncodedText
  /** With its angle brackets. */
  readonly messageId: string
  readonly date: Date
  /** Further headers by their name. `Auto-Submitted: auto-generated` is always there. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The port to the builder of messages. */
export interface MimeComposer {
  /**
   * The message as it goes over the wire, in CRLF lines of at most 998 bytes, before dot-stuffing. The same parts give the same
   * bytes. Nothing in a part can add a header, a recipient or a line: control characters in names and subject become blanks, and what
   * no client would show of an endless name or subject is cut.
   *
   * @throws Error for a header or address that no mail can carry: the caller's mistake.
   */
  compose(parts: MailParts): Uint8Array
}
