package no.budstikke.example;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes one request and reads events until its message has a final state: {@code SendAndFollow <number> <text>}. */
public final class SendAndFollow {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final ObjectMapper JSON = new ObjectMapper();

    private SendAndFollow() {}

    public static void main(String[] arguments) throws Exception {
        String account = System.getenv().getOrDefault("BUDSTIKKE_ACCOUNT", "demo");
        String reference = UUID.randomUUID().toString();
        // Ours to choose. The same id within 72 hours is the same request: keep it, and a repeat sends nothing twice.
        String requestId = "java-" + reference;
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(producerSettings())) {
            String body = JSON.writeValueAsString(
                    Map.of("to", arguments[0], "text", arguments[1], "reference", reference, "category", "otp"));
            ProducerRecord<String, String> request =
                    new ProducerRecord<>("clients." + account + ".requests", requestId, body);
            request.headers().add("ce_id", requestId.getBytes(StandardCharsets.UTF_8));
            producer.send(request).get();
        }
        System.exit(follow(account, reference, requestId) ? 0 : 1);
    }

    /** Prints what becomes of the request; whether it was delivered. */
    private static boolean follow(String account, String reference, String requestId) throws Exception {
        long until = System.nanoTime() + PATIENCE.toNanos();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(consumerSettings())) {
            consumer.subscribe(List.of("clients." + account + ".events"));
            while (System.nanoTime() < until) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(500))) {
                    JsonNode event = JSON.readTree(record.value());
                    JsonNode data = event.get("data");
                    if (event.get("type").asText().equals("request.refused")) {
                        if (requestId.equals(data.path("request_id").asText())) {
                            System.out.println("refused " + data.path("problem").path("code").asText());
                            return false;
                        }
                    } else if (reference.equals(data.path("reference").asText())) {
                        System.out.println(data.get("state").asText() + " " + data.get("id").asText());
                        if (data.get("final").asBoolean()) {
                            return data.get("state").asText().equals("delivered");
                        }
                    }
                }
                consumer.commitSync(); // what was read is dealt with
            }
        }
        System.out.println("no final state in time");
        return false;
    }

    private static Properties producerSettings() {
        Properties settings = connection();
        settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
        settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        return settings;
    }

    private static Properties consumerSettings() {
        Properties settings = connection();
        settings.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        settings.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        // The account's user may use groups whose names begin with its own.
        settings.put(ConsumerConfig.GROUP_ID_CONFIG, System.getenv("BUDSTIKKE_KAFKA_USER") + ".java-example");
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
        return settings;
    }

    private static Properties connection() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", System.getenv("BUDSTIKKE_KAFKA_CLIENTS"));
        settings.put("security.protocol", "SASL_PLAINTEXT"); // SASL_SSL beyond one machine
        settings.put("sasl.mechanism", "SCRAM-SHA-512");
        settings.put("sasl.jaas.config", String.format(
                "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"%s\" password=\"%s\";",
                System.getenv("BUDSTIKKE_KAFKA_USER"), System.getenv("BUDSTIKKE_KAFKA_PASSWORD")));
        return settings;
    }
}
