/** Places where GitHub's published schemas refuse what GitHub itself sends, each with the reason. */
export const waivers: readonly { readonly subject: RegExp; readonly at: RegExp; readonly reason: string }[] = [
  {
    subject: /./,
    at: /\/(author|committer)\/email$/,
    reason: "a bot's address, such as 41898282+github-actions[bot]@users.noreply.github.com, is no `email` to RFC 5321",
  },
];
