/** What is measured: each with the call a hub makes. */

const tenant = 'acme';
const page = { after: undefined, limit: 20 };
const search =
  (...terms) =>
  ({ store }) =>
    store.search({ tenant }, terms, page);

export const queries = (meeting) => ({
  'search: one rare word': search('zeppelin'),
  'search: one common word': search('the'),
  'search: rare + common': search('zeppelin', 'the'),
  'search: common + common': search('the', 'budget'),
  'search: common + common, never in one meeting': search('the', 'der'),
  'search: common + common, in every meeting, never together': search('agreed', 'rejected'),
  'search: five common words': search('the', 'and', 'to', 'of', 'budget'),
  'search: a word nobody said': search('the', 'xylophone'),
  'search: two words in one meeting': ({ store }) => store.search(meeting, ['the', 'budget'], page),
  'transcript: the first 100': ({ store }) => store.transcript(meeting, 0, 100),
  'transcript: 100 further on': ({ store }) => store.transcript(meeting, 350, 100),
  'log: 100 from the start': ({ store }) => store.read(meeting, 0, 100),
  'meetings: the first 50': ({ store }) => store.meetings(tenant, { after: undefined, limit: 50 }),
  'meetings: 50 further on': ({ store }) => store.meetings(tenant, { after: '600', limit: 50 }),
  'one meeting': ({ store }) => store.meeting(meeting),
  head: ({ store }) => store.head(meeting),
});
