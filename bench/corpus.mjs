/** A made-up company's meetings: the same ones at every run. */

/** Shares of all meetings, the largest first. */
const tenants = [
  ['acme', 0.5],
  ['globex', 0.2],
  ['initech', 0.15],
  ['umbrella', 0.1],
  ['hooli', 0.05],
];

/** The commonest words of a meeting's language; the rest of its vocabulary is made up. */
const languages = [
  ['en', 'the and to of we that is in it for on budget plan yes no next week team'],
  ['de', 'der die und das wir ist nicht zu haben Straße Haushalt nächste Woche'],
  ['tr', 've bir bu için ışık bütçe çok değil toplantı hafta yeni proje'],
  ['fr', "le la de et les un est l'été budget pour nous semaine"],
];

const syllables = 'ba ce di fo gu ha ke li mo nu pa re si to vu za ché dö şa ığ'.split(' ');

/** Two common words that are never said together, and one that is said in one segment of ten thousand. */
const marked = ['agreed', 'rejected', 'zeppelin'];

/** Words of a language; with the commonest first, as in any language, the n-th is said 1/n as often. */
const vocabularySize = 4_000;

export function corpus({ segments, meetings }) {
  const random = randomFrom(20_260_302);
  const vocabularies = languages.map(([language, common]) => vocabularyOf(language, common, random));
  const perMeeting = Math.ceil(segments / meetings);
  return Array.from({ length: meetings }, (_, index) => {
    const vocabulary = vocabularies[index % 3 === 2 ? index % 4 : 0];
    return {
      number: index + 1,
      tenant: tenantOf(((index * 7_919) % meetings) / meetings),
      id: `meeting-${index + 1}`,
      language: vocabulary.language,
      vocabulary: [...vocabulary.words, ...marked],
      ts: new Date(Date.UTC(2026, 0, 1) + index * 3_600_000).toISOString(),
      /** Made when asked for: a million texts need not be there at once. */
      segments: () => segmentsOf(index + 1, perMeeting, vocabulary),
    };
  });
}

function segmentsOf(number, count, { words }) {
  const random = randomFrom(number);
  return Array.from({ length: count }, (_, index) => {
    const length = 5 + Math.floor(random() * 14);
    const text = Array.from({ length }, () => words[zipf(words.length, random)]);
    if (index % 20 === 0) text.push('agreed');
    else if (index % 20 === 10) text.push('rejected');
    if ((number * count + index) % 10_000 === 1) text.push('zeppelin');
    return text.join(' ');
  });
}

function vocabularyOf(language, common, random) {
  const words = common.split(' ');
  const known = new Set(words);
  while (known.size < vocabularySize) {
    const length = 2 + Math.floor(random() * 3);
    known.add(Array.from({ length }, () => syllables[Math.floor(random() * syllables.length)]).join(''));
  }
  return { language, words: [...known] };
}

/** Indexes below `size`, the n-th with a weight of about 1/n. */
const zipf = (size, random) => Math.min(size - 1, Math.floor((size + 1) ** random()) - 1);

function tenantOf(place) {
  let end = 0;
  for (const [tenant, share] of tenants) {
    end += share;
    if (place < end) return tenant;
  }
  return tenants[0][0];
}

/** A small generator whose numbers depend on the seed alone (mulberry32). */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
