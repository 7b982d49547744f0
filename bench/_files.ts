/** A stock file of `rows` rows of about 65 bytes, made as it is read. */
export async function* stockFile(rows: number): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "sku,location,qty,status,condition,expected_on,note\n";
  for (let i = 0; i < rows; i++) {
    text += `SKU-${String(i).padStart(9, "0")},WAREHOUSE-${i % 7},${
      i % 1000
    },ACTIVE,NEW,2026-01-15,row ${i}\n`;
    if (text.length > 256 * 1024) {
      yield encoder.encode(text);
      text = "";
    }
  }
  yield encoder.encode(text);
}
