import { checkInterfaceVersion, fileOfAnchor, type IndexFile } from "../standards/index-page.ts";
import { joinUrl } from "../standards/url.ts";

/**
 * The files an HTML page links to (PEP 503), in their order. `pageUrl` is where the page was finally found. Throws InvalidText of kind "index-page" if
 * the page declares an interface version above 1 (PEP 629).
 */
export async function parseHtmlPage(text: string, pageUrl: string): Promise<readonly IndexFile[]> {
  const { Parser } = await import("htmlparser2");
  const anchors: { readonly attributes: Readonly<Record<string, string>>; text: string }[] = [];
  let base: string | undefined;
  let version: string | undefined;
  let open: { text: string } | undefined;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        if (name === "a") {
          open = { text: "" };
          anchors.push(Object.assign(open, { attributes }));
        } else if (name === "base") {
          base ??= attributes["href"];
        } else if (name === "meta" && attributes["name"] === "pypi:repository-version") {
          version ??= attributes["content"];
        }
      },
      ontext(part) {
        if (open !== undefined) {
          open.text += part;
        }
      },
      onclosetag(name) {
        if (name === "a") {
          open = undefined;
        }
      },
    },
    { decodeEntities: true, lowerCaseTags: true, lowerCaseAttributeNames: true },
  );
  parser.end(text);
  if (version !== undefined) {
    checkInterfaceVersion(version);
  }
  const baseUrl = base === undefined ? pageUrl : joinUrl(pageUrl, base);
  return anchors.flatMap((anchor) => fileOfAnchor(anchor.attributes, anchor.text, baseUrl) ?? []);
}
