package pawment.interop;

import com.google.common.util.concurrent.SettableFuture;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.bitcoinj.core.Transaction;
import org.bitcoinj.core.TransactionBroadcast;
import org.bitcoinj.core.TransactionBroadcaster;
import org.bitcoinj.core.Utils;

/** Hands transactions to a node by its JSON-RPC, and says what became of each. */
final class Node implements TransactionBroadcaster {
  private final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final URI url;
  private final String credentials;

  Node(URI url, String user, String password) {
    this.url = url;
    this.credentials = Base64.getEncoder().encodeToString((user + ":" + password).getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public TransactionBroadcast broadcastTransaction(Transaction transaction) {
    SettableFuture<Transaction> future = SettableFuture.create();
    String txid = transaction.getTxId().toString();
    String hex = Utils.HEX.encode(transaction.bitcoinSerialize());
    String refusal = send(hex);
    Line.event("broadcast", "txid", txid, "hex", hex, "refusal", refusal);
    if (refusal == null) future.set(transaction);
    else future.setException(new IOException(refusal));
    return TransactionBroadcast.createMockBroadcast(transaction, future);
  }

  /** What the node has against the transaction; null when it took it. */
  private String send(String hex) {
    String body = "{\"id\":1,\"method\":\"sendrawtransaction\",\"params\":[\"" + hex + "\"]}";
    HttpRequest request = HttpRequest.newBuilder(url)
        .header("Authorization", "Basic " + credentials)
        .POST(HttpRequest.BodyPublishers.ofString(body))
        .build();
    try {
      JsonObject answer = JsonParser.parseString(http.send(request, HttpResponse.BodyHandlers.ofString()).body()).getAsJsonObject();
      return answer.get("error").isJsonNull() ? null : answer.getAsJsonObject("error").get("message").getAsString();
    } catch (IOException | InterruptedException | RuntimeException failure) {
      return failure.toString();
    }
  }
}
