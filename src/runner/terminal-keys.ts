const keys: Readonly<Record<string, string>> = {
  Enter: "\r",
  Tab: "\t",
  Escape: "\x1b",
  Backspace: "\x7f",
  Delete: "\x1b[3~",
  PageUp: "\x1b[5~",
  PageDown: "\x1b[6~",
};

const cursorKeys: Readonly<Record<string, string>> = { Up: "A", Down: "B", Right: "C", Left: "D", End: "F", Home: "H" };

/** Names of keys, as a regular expression. */
export const keyName = `^(${[...Object.keys(keys), ...Object.keys(cursorKeys)].join("|")}|Ctrl-[A-Z])$`;

/** What a program reads when the key is pressed; it may have asked for another form of those that move the cursor. */
export function inputOf(key: string, modes: { readonly applicationCursorKeysMode: boolean }): string {
  const [, letter] = /^Ctrl-(.)$/.exec(key) ?? [];
  if (letter) return String.fromCharCode(letter.charCodeAt(0) & 31);
  const moved = cursorKeys[key];
  return moved ? `\x1b${modes.applicationCursorKeysMode ? "O" : "["}${moved}` : (keys[key] ?? "");
}
