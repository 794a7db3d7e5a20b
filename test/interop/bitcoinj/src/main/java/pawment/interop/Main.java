package pawment.interop;

import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Reads commands from stdin, one JSON object `{id, do, …}` a line, until stdin ends; peer.ts says what they mean. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) throws Exception {
    Thread.setDefaultUncaughtExceptionHandler((thread, failure) -> Line.event("error", "message", failure));
    Peer peer = new Peer();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonObject command = JsonParser.parseString(line).getAsJsonObject();
      Futures.addCallback(perform(peer, command), answerTo(command.get("id").getAsInt()), MoreExecutors.directExecutor());
    }
    System.exit(0);
  }

  private static ListenableFuture<JsonObject> perform(Peer peer, JsonObject command) {
    try {
      return peer.perform(command);
    } catch (Exception | AssertionError failure) {
      return Futures.immediateFailedFuture(failure);
    }
  }

  private static FutureCallback<JsonObject> answerTo(int id) {
    return new FutureCallback<>() {
      @Override
      public void onSuccess(JsonObject result) {
        Line.answer(id, result);
      }

      @Override
      public void onFailure(Throwable failure) {
        Line.fail(id, failure);
      }
    };
  }

  interface Work {
    void run() throws Exception;
  }

  static void inBackground(Work work) {
    Thread thread = new Thread(() -> {
      try {
        work.run();
      } catch (Exception failure) {
        Line.event("error", "message", failure);
      }
    });
    thread.setDaemon(true);
    thread.start();
  }
}
