/**
 * The text with the credentials of every URL in it hidden, as pip shows them: `user:secret@host` becomes `user:****@host`, and a lone token
 * (`token@host`) becomes `****@host`. Text without credentials comes back unchanged. Takes time in proportion to the text, whatever it is.
 */
export function redact(text: string): string {
  return text.replaceAll(
    /(?<![A-Za-z0-9+.-])([A-Za-z0-9+.-]+:\/\/)([^\s/?#@]*(?:@[^\s/?#@]*)*)@/g,
    (_all, scheme: string, userinfo: string) => {
      const colon = userinfo.indexOf(":");
      return colon === -1 ? `${scheme}****@` : `${scheme}${userinfo.slice(0, colon)}:****@`;
    },
  );
}
