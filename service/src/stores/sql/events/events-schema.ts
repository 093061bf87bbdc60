/** Where each receiver of events is, and the events that were given up. */
export const EVENT_TABLES: readonly string[] = [
  // The next event, who sends it and until when, and how the receiver is doing.
  `CREATE TABLE event_receivers (
         receiver TEXT NOT NULL PRIMARY KEY,
         epoch BIGINT NOT NULL,
         part BIGINT NOT NULL,
         after_jti TEXT NOT NULL,
         holder TEXT,
         held_until BIGINT NOT NULL,
         failures BIGINT NOT NULL,
         failing_since BIGINT,
         fault TEXT,
         status BIGINT,
         next_try_at BIGINT NOT NULL
       )`,
  `CREATE TABLE event_dead_letters (
         receiver TEXT NOT NULL,
         epoch BIGINT NOT NULL,
         part BIGINT NOT NULL,
         after_jti TEXT NOT NULL,
         at BIGINT NOT NULL,
         failures BIGINT NOT NULL,
         fault TEXT NOT NULL,
         status BIGINT,
         PRIMARY KEY (receiver, epoch, part)
       )`,
];
