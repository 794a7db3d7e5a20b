package pawment.interop;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;

/** Lines of JSON on stdout: answers carry the id of their command, events do not. Amounts are decimal strings. */
final class Line {
  private Line() {}

  /** An object of names and values in turn; values that are null are left out. */
  static JsonObject of(Object... fields) {
    JsonObject object = new JsonObject();
    for (int i = 0; i < fields.length; i += 2) {
      Object value = fields[i + 1];
      if (value != null) object.add(fields[i].toString(), asJson(value));
    }
    return object;
  }

  static void event(String name, Object... fields) {
    JsonObject line = of("event", name);
    of(fields).entrySet().forEach(field -> line.add(field.getKey(), field.getValue()));
    write(line);
  }

  static void answer(int id, JsonElement result) {
    write(of("id", id, "result", result));
  }

  static void fail(int id, Throwable why) {
    write(of("id", id, "error", why.toString()));
  }

  private static JsonElement asJson(Object value) {
    if (value instanceof JsonElement element) return element;
    if (value instanceof Integer number) return new JsonPrimitive(number);
    if (value instanceof Boolean flag) return new JsonPrimitive(flag);
    return new JsonPrimitive(value.toString());
  }

  private static synchronized void write(JsonObject line) {
    System.out.println(line);
    System.out.flush();
  }
}
