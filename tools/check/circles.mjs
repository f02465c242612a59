/** One line of text for each edge `{ from, to, line }` that closes a circle. */
export function circles(edges) {
  const out = groupByFrom(edges);
  const done = new Set();
  const found = [];

  const visit = (file, trail) => {
    if (done.has(file)) return;
    for (const { to, line } of out.get(file) ?? []) {
      const start = [...trail, file].indexOf(to);
      if (start === -1) visit(to, [...trail, file]);
      else
        found.push(
          `${file}:${line}: circle: ${[...trail, file].slice(start).join(' -> ')} -> ${to}`,
        );
    }
    done.add(file);
  };
  for (const file of out.keys()) visit(file, []);
  return found;
}

function groupByFrom(edges) {
  const groups = new Map();
  for (const edge of edges) groups.set(edge.from, [...(groups.get(edge.from) ?? []), edge]);
  return groups;
}
