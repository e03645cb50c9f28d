// How Sphinx orders what a search finds: as by default, but a heading that holds the words as they were typed comes first.
var Scorer = {
  score: ([, title, , , score]) => {
    const asked = (new URLSearchParams(location.search).get("q") ?? "").toLowerCase().trim();
    return score + (asked && title.split(" > ").pop().toLowerCase().includes(asked) ? 100 : 0);
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
