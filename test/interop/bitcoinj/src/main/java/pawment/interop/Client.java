package pawment.interop;

import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import com.google.common.util.concurrent.SettableFuture;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.function.Supplier;
import org.bitcoin.paymentchannel.Protos.TwoWayChannelMessage;
import org.bitcoinj.core.Coin;
import org.bitcoinj.core.ECKey;
import org.bitcoinj.core.InsufficientMoneyException;
import org.bitcoinj.core.Sha256Hash;
import org.bitcoinj.core.Utils;
import org.bitcoinj.protocols.channels.IPaymentChannelClient.ClientChannelProperties;
import org.bitcoinj.protocols.channels.IPaymentChannelClient.ClientConnection;
import org.bitcoinj.protocols.channels.PaymentChannelClient;
import org.bitcoinj.protocols.channels.PaymentChannelClient.VersionSelector;
import org.bitcoinj.protocols.channels.PaymentChannelClientConnection;
import org.bitcoinj.protocols.channels.PaymentChannelClientState;
import org.bitcoinj.protocols.channels.PaymentChannelCloseException;
import org.bitcoinj.protocols.channels.PaymentChannelCloseException.CloseReason;
import org.bitcoinj.protocols.channels.PaymentIncrementAck;
import org.bitcoinj.protocols.channels.StoredChannels;
import org.bitcoinj.protocols.channels.ValueOutOfRangeException;
import org.bitcoinj.wallet.SendRequest;
import org.bitcoinj.wallet.Wallet;
import org.bouncycastle.crypto.params.KeyParameter;

/** bitcoinj as payer: its own connection (`tcp`), or its protocol object over a socket of ours (`protocol`), which tells why it ended. */
final class Client {
  private final Wallet wallet;
  private final JsonObject options;
  private final ECKey key;
  private final Coin value;
  private final InetSocketAddress server;
  private Link link;

  /** What both levels can do with an open channel. */
  private interface Link {
    ListenableFuture<PaymentIncrementAck> pay(Coin size, ByteString info) throws ValueOutOfRangeException;

    void settle();

    void disconnect();

    PaymentChannelClientState state();
  }

  Client(Wallet wallet, JsonObject options) {
    this.wallet = wallet;
    this.options = options;
    this.key = ECKey.fromPrivate(Utils.HEX.decode(options.get("key").getAsString()));
    this.value = Coin.valueOf(options.get("value").getAsLong());
    this.server = new InetSocketAddress(options.get("host").getAsString(), options.get("port").getAsInt());
    wallet.importKey(key);
  }

  /** Opens a channel, or resumes one that is stored for the server's id; answers when it is open. */
  ListenableFuture<JsonObject> connect() throws Exception {
    awaitIdleChannels();
    ListenableFuture<?> open = options.get("level").getAsString().equals("tcp") ? connectAsShipped() : connectOnSocket();
    return Futures.transform(open, any -> describe(), MoreExecutors.directExecutor());
  }

  ListenableFuture<JsonObject> pay(Coin size, ByteString info) throws ValueOutOfRangeException {
    return Futures.transform(
        link.pay(size, info),
        ack -> Line.of("value", ack.getValue().value, "info", Utils.HEX.encode(ack.getInfo().toByteArray())),
        MoreExecutors.directExecutor());
  }

  void settle() {
    link.settle();
  }

  void disconnect() throws InterruptedException {
    link.disconnect();
    awaitIdleChannels();
  }

  JsonObject describe() {
    PaymentChannelClientState state = link.state();
    return Line.of(
        "contract", state.getContract().getTxId(), "version", state.getMajorVersion(), "state", state.getState(),
        "spent", state.getValueSpent().value, "left", state.getValueRefunded().value);
  }

  /** bitcoinj tells nobody when it has seen a connection end, and until then it opens a second channel in place of resuming the first. */
  private void awaitIdleChannels() throws InterruptedException {
    for (int i = 0; i < 5_000 && StoredChannels.payer(wallet).stream().anyMatch(StoredChannels.Payer::active); i++) Thread.sleep(1);
  }

  private ListenableFuture<?> connectAsShipped() throws IOException, ValueOutOfRangeException {
    PaymentChannelClientConnection connection = new PaymentChannelClientConnection(
        server, options.get("timeout").getAsInt(), wallet, key, value, options.get("serverId").getAsString(), null, new Properties());
    link = linkOf(connection::incrementPayment, connection::settle, connection::disconnectWithoutSettlement, connection::state);
    return connection.getChannelOpenFuture();
  }

  private ListenableFuture<?> connectOnSocket() throws IOException {
    FrameSocket socket = new FrameSocket(new Socket(server.getAddress(), server.getPort()));
    Spoken spoken = new Spoken(socket);
    Sha256Hash serverId = Sha256Hash.of(options.get("serverId").getAsString().getBytes());
    PaymentChannelClient client = new PaymentChannelClient(wallet, key, value, serverId, null, new Properties(), spoken);
    link = linkOf(client::incrementPayment, client::settle, socket::end, client::state);
    client.connectionOpen();
    Main.inBackground(() -> {
      try {
        socket.receive(message -> spoken.take(client, message));
      } finally {
        socket.end();
        client.connectionClosed();
        spoken.closed();
      }
    });
    return spoken.open;
  }

  private interface Payment {
    ListenableFuture<PaymentIncrementAck> pay(Coin size, ByteString info, KeyParameter none)
        throws ValueOutOfRangeException;
  }

  private static Link linkOf(Payment payment, Runnable settle, Runnable disconnect, Supplier<PaymentChannelClientState> state) {
    return new Link() {
      @Override
      public ListenableFuture<PaymentIncrementAck> pay(Coin size, ByteString info) throws ValueOutOfRangeException {
        return payment.pay(size, info, null);
      }

      @Override
      public void settle() {
        settle.run();
      }

      @Override
      public void disconnect() {
        disconnect.run();
      }

      @Override
      public PaymentChannelClientState state() {
        return state.get();
      }
    };
  }

  private final class Properties implements ClientChannelProperties {
    @Override
    public SendRequest modifyContractSendRequest(SendRequest request) {
      return request;
    }

    @Override
    public Coin acceptableMinPayment() {
      return options.has("minPayment")
          ? Coin.valueOf(options.get("minPayment").getAsLong())
          : PaymentChannelClient.defaultChannelProperties.acceptableMinPayment();
    }

    @Override
    public long timeWindow() {
      return options.has("window") ? options.get("window").getAsLong() : PaymentChannelClient.DEFAULT_TIME_WINDOW;
    }

    @Override
    public VersionSelector versionSelector() {
      return VersionSelector.valueOf(options.get("version").getAsString());
    }
  }

  private final class Spoken implements ClientConnection {
    private final FrameSocket socket;
    private final SettableFuture<Boolean> open = SettableFuture.create();
    private volatile CloseReason reason = CloseReason.CONNECTION_CLOSED;

    Spoken(FrameSocket socket) {
      this.socket = socket;
    }

    void take(PaymentChannelClient client, TwoWayChannelMessage message) {
      try {
        client.receiveMessage(message);
      } catch (InsufficientMoneyException failure) {
        open.setException(failure);
      }
    }

    void closed() {
      open.setException(new PaymentChannelCloseException(reason.toString(), reason));
      Line.event("closed", "reason", reason);
    }

    @Override
    public void sendToServer(TwoWayChannelMessage message) {
      socket.send(message);
    }

    @Override
    public void destroyConnection(CloseReason why) {
      reason = why;
      socket.end();
    }

    @Override
    public boolean acceptExpireTime(long expiry) {
      return expiry <= new Properties().timeWindow() + Utils.currentTimeSeconds() + 60;
    }

    @Override
    public void channelOpen(boolean wasInitiated) {
      open.set(wasInitiated);
    }
  }
}
