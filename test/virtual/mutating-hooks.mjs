// A module hook (node:module): the built file that a mutation names is read with its change.
let mutation;

export function initialize(data) {
  mutation = data;
}

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!url.endsWith(`/dist/${mutation.file}`)) return loaded;
  const source = Buffer.from(loaded.source).toString("utf8");
  const parts = source.split(mutation.find);
  if (parts.length !== 2) {
    throw new Error(
      `"${mutation.find}" stands ${parts.length - 1} times in ${mutation.file}, once is wanted`,
    );
  }
  return { ...loaded, source: parts.join(mutation.replace) };
}
