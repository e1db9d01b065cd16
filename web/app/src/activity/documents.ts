// What the feed and the view of it ask.

import { ask } from '../api/client';
import { graphql, type FragmentOf } from '../api/graphql';
import type { Load } from '../api/pages';

/** What every list of events shows of one. */
export const EventCore = graphql(`
  fragment EventCore on Event {
    id
    at
    kind
    detail
    count
    user {
      id
      username
    }
    share {
      id
      audience
    }
  }
`);

const FeedEvent = graphql(
  `
    fragment FeedEvent on Event {
      ...EventCore
      cursor
      group {
        id
        name
      }
      drop {
        id
        name
      }
      fileId
      file {
        id
        name
        contentType
      }
    }
  `,
  [EventCore],
);
export type FeedEvent = FragmentOf<typeof FeedEvent>;

export const FEED = graphql(
  `
    subscription Feed($after: String) {
      events(after: $after) {
        ...FeedEvent
      }
    }
  `,
  [FeedEvent],
);

const NEWEST = graphql(`
  query NewestEvent {
    events(first: 1) {
      edges {
        cursor
      }
    }
  }
`);

/** From where the feed has to go on to bring what comes from now on; null while nothing has happened at all. */
export const newest = async (): Promise<string | null> => (await ask(NEWEST, {})).events.edges[0]?.cursor ?? null;

const EVENTS = graphql(
  `
    query Activity($first: Int!, $after: String) {
      events(first: $first, after: $after) {
        edges {
          node {
            ...FeedEvent
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [FeedEvent],
);

export const loadEvents: Load<FeedEvent> = async (after) => {
  const { edges, pageInfo } = (await ask(EVENTS, { first: 60, after })).events;
  return { nodes: edges.map(({ node }) => node), pageInfo };
};
