package pawment.interop;

import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.ListenableFuture;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bitcoin.paymentchannel.Protos.TwoWayChannelMessage;
import org.bitcoinj.core.Coin;
import org.bitcoinj.core.Sha256Hash;
import org.bitcoinj.core.Utils;
import org.bitcoinj.protocols.channels.PaymentChannelCloseException.CloseReason;
import org.bitcoinj.protocols.channels.PaymentChannelServer;
import org.bitcoinj.protocols.channels.PaymentChannelServerListener;
import org.bitcoinj.protocols.channels.ServerConnectionEventHandler;
import org.bitcoinj.wallet.Wallet;
import org.bouncycastle.crypto.params.KeyParameter;

/** bitcoinj as payee: its own listener (`tcp`), or its protocol object over sockets of ours (`protocol`), which lose no last frame. */
final class Server {
  private final Node node;
  private final Wallet wallet;
  private final Coin minimum;
  private final JsonObject options;
  private final ByteString prefix;
  private final ByteString unwanted;
  private final Set<Connection> connections = ConcurrentHashMap.newKeySet();
  private Runnable close;

  /** `minimum`: channel size; `prefix` goes before the info of every acknowledgement of a payment that had one; `unwanted` is an info to refuse. */
  Server(Node node, Wallet wallet, JsonObject options) {
    this.node = node;
    this.wallet = wallet;
    this.options = options;
    this.minimum = Coin.valueOf(options.get("minimum").getAsLong());
    this.prefix = bytes("prefix");
    this.unwanted = options.has("unwanted") ? bytes("unwanted") : null;
  }

  private ByteString bytes(String name) {
    return ByteString.copyFrom(Utils.HEX.decode(options.get(name).getAsString()));
  }

  /** Returns the port, a free one of the system's choice. */
  int listen() throws Exception {
    return options.get("level").getAsString().equals("tcp") ? listenAsShipped() : listenOnSockets();
  }

  void close() {
    close.run();
  }

  /** Ends all connections with a CLOSE that settles nothing: the channels can be resumed. */
  void hangUp() {
    connections.forEach(Connection::hangUp);
  }

  private interface Connection {
    void hangUp();
  }

  private int listenAsShipped() throws Exception {
    int timeout = options.get("timeout").getAsInt();
    PaymentChannelServerListener listener = new PaymentChannelServerListener(node, wallet, timeout, minimum, this::handle);
    listener.bindAndStart(0);
    close = listener::close;
    return portOf(listener);
  }

  /** bitcoinj does not say which free port it was given. */
  static int portOf(PaymentChannelServerListener listener) throws ReflectiveOperationException, IOException {
    Object server = read(listener, "server");
    return ((ServerSocketChannel) read(server, "sc")).socket().getLocalPort();
  }

  private static Object read(Object from, String name) throws ReflectiveOperationException {
    Field field = from.getClass().getDeclaredField(name);
    field.setAccessible(true);
    return field.get(from);
  }

  private ServerConnectionEventHandler handle(SocketAddress client) {
    Handler handler = new Handler();
    connections.add(handler);
    Line.event("connected");
    return handler;
  }

  private final class Handler extends ServerConnectionEventHandler implements Connection {
    @Override
    public void hangUp() {
      closeChannel();
    }

    @Override
    public void channelOpen(Sha256Hash contract) {
      Line.event("channel-open", "contract", contract);
    }

    @Override
    public ListenableFuture<ByteString> paymentIncrease(Coin by, Coin to, ByteString info) {
      return acknowledge(by, to, info);
    }

    @Override
    public void channelClosed(CloseReason reason) {
      connections.remove(this);
      Line.event("closed", "reason", reason);
    }
  }

  private ListenableFuture<ByteString> acknowledge(Coin by, Coin to, ByteString info) {
    Line.event("payment", "by", by.value, "to", to.value, "info", info == null ? null : Utils.HEX.encode(info.toByteArray()));
    if (info == null) return null;
    if (info.equals(unwanted)) return Futures.immediateFailedFuture(new IllegalArgumentException("unwanted"));
    return Futures.immediateFuture(prefix.concat(info));
  }

  private int listenOnSockets() throws IOException {
    ServerSocket listener = new ServerSocket(0);
    close = () -> {
      hangUp();
      try {
        listener.close();
      } catch (IOException failure) {
        throw new UncheckedIOException(failure);
      }
    };
    Main.inBackground(() -> {
      while (!listener.isClosed()) {
        Socket socket = listener.accept();
        Main.inBackground(() -> serve(new FrameSocket(socket)));
      }
    });
    return listener.getLocalPort();
  }

  private void serve(FrameSocket socket) throws IOException {
    Spoken spoken = new Spoken(socket);
    PaymentChannelServer server = new PaymentChannelServer(node, wallet, minimum, new Properties(), spoken);
    Connection connection = server::close;
    connections.add(connection);
    Line.event("connected");
    try {
      server.connectionOpen();
      socket.receive(server::receiveMessage);
    } finally {
      socket.end();
      server.connectionClosed();
      connections.remove(connection);
      Line.event("closed", "reason", spoken.reason);
    }
  }

  /** What the listener of bitcoinj gives no way to set. */
  private final class Properties extends PaymentChannelServer.DefaultServerChannelProperties {
    @Override
    public Coin getMinPayment() {
      return options.has("minPayment") ? Coin.valueOf(options.get("minPayment").getAsLong()) : super.getMinPayment();
    }

    @Override
    public long getMinTimeWindow() {
      return options.has("minWindow") ? options.get("minWindow").getAsLong() : super.getMinTimeWindow();
    }

    @Override
    public long getMaxTimeWindow() {
      return options.has("maxWindow") ? options.get("maxWindow").getAsLong() : super.getMaxTimeWindow();
    }
  }

  private final class Spoken implements PaymentChannelServer.ServerConnection {
    private final FrameSocket socket;
    private volatile CloseReason reason = CloseReason.CONNECTION_CLOSED;

    Spoken(FrameSocket socket) {
      this.socket = socket;
    }

    @Override
    public void sendToClient(TwoWayChannelMessage message) {
      socket.send(message);
    }

    @Override
    public void destroyConnection(CloseReason why) {
      reason = why;
      socket.end();
    }

    @Override
    public void channelOpen(Sha256Hash contract) {
      Line.event("channel-open", "contract", contract);
    }

    @Override
    public ListenableFuture<ByteString> paymentIncrease(Coin by, Coin to, ByteString info) {
      return acknowledge(by, to, info);
    }

    @Override
    public ListenableFuture<KeyParameter> getUserKey() {
      return null;
    }
  }
}
