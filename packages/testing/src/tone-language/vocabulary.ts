/** Every word the tone language can say; a word's place in the list decides its tones, so only append. */

const english = `
a about action after again agenda agree all already also an and another answer any april are ask at audio august
back be because before begin best better between big board both bring browser budget build business but by
call can change check client close code come comment contract cost could customer
data date day deadline decide decision deliver delivery demo deploy design did discuss do document done down
each early east eight email end error every example
february feedback few fifty file final find first five fix for four friday from
get give go goal good great group grow
had half hard has have hello help here hiring how hundred
idea if important in into invoice is issue it item
january join july june just
keep know
large last late launch lead learn legal less let like list live log long look lost
make manager many march market may meeting message microphone minutes monday month more morning most move
need network never new next nine no north not note november now number
october of offer office ok old on one only open option or order other our out over owner
paper partner pay people plan please point price product project promise
quarter question quick
ready record release report result review right risk room
sales same saturday say schedule search second see send september server service seven she ship should show six
small so some soon south start status stop story summary sunday support system
table talk task team ten test thank that the their them then there they thing this three thursday ticket time to
today together tomorrow tuesday twenty two
under until up update us use user very video view voice vote wait want was we wednesday week welcome well were what
when where which who why will win with without word work world would write wrong year yes yesterday you your zero
`;

/** Words of the list that are Turkish: all carry a letter that English lacks, so folding and casing get exercised. */
const turkish = `
ışık toplantı bütçe çözüm şimdi görüşme ığdır öğle ünlü çünkü değil için şirket müşteri ürün güncelleme görev kişi
karşılaştırma önemli gündem açıklama teşekkürler değişiklik yarın sonuç öneri kayıt çalışma başlangıç üç dört
`;

const list = (words: string): string[] => words.split(/\s+/u).filter((word) => word !== '');

const turkishWords: ReadonlySet<string> = new Set(list(turkish));

export const vocabulary: readonly string[] = Object.freeze([...list(english), ...turkishWords]);

/** The place of a word in the list, which is also how the tones address it. */
export const wordIndex: ReadonlyMap<string, number> = new Map(vocabulary.map((word, index) => [word, index]));

export const languageOf = (word: string): 'tr' | 'en' => (turkishWords.has(word) ? 'tr' : 'en');
