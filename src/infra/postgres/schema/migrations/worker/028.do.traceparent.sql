-- Of the span that accepted the event, in the form of the W3C header: attempts at the intent link to it. Null where tracing was off.
ALTER TABLE worker.intents ADD COLUMN traceparent text;
