// The words of the activity, in English: a sentence for each kind of event.

/** Who did something; `isMe` where they are whom the sentence is told to. */
export interface Who {
  name: string;
  isMe: boolean;
}

export interface Told {
  who: Who;
  file: string;
  group: string;
  drop: string;
  /** What the kind alone does not tell; of a share, with whom. */
  detail: string;
}

export const activity = {
  live: 'Live',
  away: 'Not connected; goes on by itself',
  empty: 'Nothing has happened yet',
  you: 'You',
  youToo: 'you',
  byDrop: (name: string) => `A visitor of “${name}”`,
  aFile: 'a file',
  aGroup: 'a group',
  aDrop: 'a drop',
  /** Who takes oneself out. */
  left: ({ who, group }: Told) => `${who.name} left ${group}`,
  with: {
    you: 'with you',
    person: (name: string) => `with ${name}`,
    group: (name: string) => `with “${name}”`,
    everyone: 'with everyone signed in',
    link: 'by a link',
  },
  kinds: {
    UPLOADED: ({ who, file }: Told) => `${who.name} uploaded ${file}`,
    UPLOAD_REFUSED: ({ who, detail }: Told) => `${who.name} uploaded a file that is harmful and was not kept: ${detail}`,
    DOWNLOADED: ({ who, file }: Told) => `${who.name} downloaded ${file}`,
    DOWNLOAD_REFUSED: ({ who, file }: Told) => `${who.name} could not download ${file}`,
    RENAMED: ({ who, detail }: Told) => `${who.name} renamed a file: ${detail}`,
    SHARED: ({ who, file, detail }: Told) => `${who.name} shared ${file} ${detail}`,
    SHARE_REVOKED: ({ who, file, detail }: Told) => `${who.name} stopped sharing ${file} ${detail}`,
    TRASHED: ({ who, file }: Told) => `${who.name} moved ${file} to the trash`,
    RESTORED: ({ who, file }: Told) => `${who.name} restored ${file}`,
    PURGED: ({ who, file }: Told) => `${who.name} deleted ${file} for good`,
    LINK_REFUSED: ({ file }: Told) => `Somebody gave a wrong password for a link to ${file}`,
    GROUP_CREATED: ({ who, detail }: Told) => `${who.name} made the group ${detail}`,
    GROUP_DELETED: ({ who, detail }: Told) => `${who.name} deleted the group ${detail}`,
    GROUP_RENAMED: ({ who, detail }: Told) => `${who.name} renamed a group: ${detail}`,
    GROUP_MEMBER_ADDED: ({ who, group, detail }: Told) => `${who.name} added ${detail} to ${group}`,
    GROUP_MEMBER_REMOVED: ({ who, group, detail }: Told) => `${who.name} took ${detail} out of ${group}`,
    DROP_CREATED: ({ who, detail }: Told) => `${who.name} made the drop ${detail}`,
    DROP_CLOSED: ({ who, drop }: Told) => `${who.name} closed the drop ${drop}`,
    DROP_REFUSED: ({ drop }: Told) => `Somebody gave a wrong password for the drop ${drop}`,
    SIGNED_UP: ({ who }: Told) => `${who.name} made the account`,
    SIGNED_IN: ({ who }: Told) => `${who.name} signed in`,
    SIGNED_OUT: ({ who }: Told) => `${who.name} signed out`,
    SIGN_IN_REFUSED: () => 'Somebody gave a wrong password for your account',
    PASSWORD_CHANGED: ({ who }: Told) => `${who.name} changed the password`,
    PASSWORD_CHANGE_REFUSED: ({ who }: Told) => `${who.name} asked for another password, and gave a wrong one`,
    API_TOKEN_CREATED: ({ who, detail }: Told) => `${who.name} made an API token: ${detail}`,
    API_TOKEN_REVOKED: ({ who, detail }: Told) => `${who.name} revoked an API token: ${detail}`,
    QUOTA_CHANGED: ({ who, detail }: Told) => `${who.name} changed a quota: ${detail}`,
    ROLE_CHANGED: ({ who, detail }: Told) => `${who.name} changed a role: ${detail}`,
    ACCOUNT_DISABLED: ({ who, detail }: Told) => `${who.name} disabled the account ${detail}`,
    ACCOUNT_ENABLED: ({ who, detail }: Told) => `${who.name} enabled the account ${detail}`,
    ACCOUNT_DELETED: ({ who, detail }: Told) => `${who.name} deleted the account ${detail}`,
    WEBHOOK_ADDED: ({ who, detail }: Told) => `${who.name} added a webhook: ${detail}`,
    WEBHOOK_REMOVED: ({ who, detail }: Told) => `${who.name} removed a webhook: ${detail}`,
    WEBHOOK_PAUSED: ({ detail }: Told) => `A webhook is paused: ${detail}`,
    WEBHOOK_RESUMED: ({ who, detail }: Told) => `${who.name} resumed a webhook: ${detail}`,
    ACCOUNT_LINKED: ({ who, detail }: Told) => `${who.name} linked the account ${detail} with the provider of sign-ins`,
    ACCOUNT_UNLINKED: ({ who, detail }: Told) => `${who.name} ended the link of the account ${detail} with the provider of sign-ins`,
  },
};
